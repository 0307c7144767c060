"""Layers: modules with parameters around `cnet.functional`, with PyTorch's names and defaults."""

from . import init
from .activation import *
from .containers import *
from .conv import *
from .conv_transpose import *
from .distance import *
from .dropout import *
from .flatten import *
from .linear import *
from .loss import *
from .module import *
from .norm import *
from .parameter import *
from .parameter_containers import *
from .pooling import *
