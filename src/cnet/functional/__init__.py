"""Functions of networks with the names of `torch.nn.functional`, one module per family.

`__all__` of a module lists its public functions, which are available as
``cnet.functional.<name>``.
"""

from ..operations.elementwise import sigmoid as sigmoid
from ..operations.trigonometric import tanh as tanh
from .activation import *
from .conv import *
from .dropout import *
from .linear import *
from .loss import *
from .norm import *
from .padding import *
from .pooling import *
from .rectifiers import *
from .softmax import *
