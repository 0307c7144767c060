"""Functions of networks with the names of `torch.nn.functional`, one module per family.

`__all__` of a module lists its public functions, which are available as
``cnet.functional.<name>``.
"""

from ..operations.elementwise import sigmoid as sigmoid
from ..operations.trigonometric import tanh as tanh
from .activation import *
from .adaptive import *
from .attention import *
from .conv import *
from .distance import *
from .dropout import *
from .embedding import *
from .fold import *
from .fractional import *
from .interpolation import *
from .linear import *
from .loss.binary import *
from .loss.classification import *
from .loss.ctc import *
from .loss.difference import *
from .loss.likelihood import *
from .loss.margin import *
from .loss.similarity import *
from .lp_pooling import *
from .norm.batch import *
from .norm.group import *
from .norm.local import *
from .padding import *
from .pooling import *
from .rectifiers import *
from .recurrent import *
from .sampling import *
from .shuffling import *
from .softmax import *
from .unpooling import *
