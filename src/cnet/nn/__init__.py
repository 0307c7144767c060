"""Layers: modules with parameters around `cnet.functional`, with PyTorch's names and defaults."""

from . import attention, distance, dropout, embedding, init, linear, loss, norm
from .activation import GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .attention import *
from .containers import ModuleDict, ModuleList, Sequential
from .conv import Conv2d
from .distance import *
from .dropout import *
from .embedding import *
from .flatten import Flatten, Unflatten
from .linear import *
from .loss import *
from .module import Module
from .norm import *
from .parameter import Parameter
from .pooling import AvgPool2d, MaxPool2d

__all__ = [
    "GELU",
    "AvgPool2d",
    "Conv2d",
    "Flatten",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Unflatten",
    "init",
]
__all__ += attention.__all__
__all__ += distance.__all__
__all__ += dropout.__all__
__all__ += embedding.__all__
__all__ += linear.__all__
__all__ += loss.__all__
__all__ += norm.__all__
__all__.sort()
