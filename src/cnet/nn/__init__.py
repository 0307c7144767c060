"""Layers: modules with parameters around `cnet.functional`, with PyTorch's names and defaults.

`__all__` of a module lists its public classes, which are available as ``cnet.nn.<name>``.
"""

from .. import functional as functional
from . import init as init
from .activation import *
from .containers import *
from .conv import *
from .conv_transpose import *
from .distance import *
from .dropout import *
from .flatten import *
from .linear import *
from .loss.binary import *
from .loss.classification import *
from .loss.ctc import *
from .loss.difference import *
from .loss.likelihood import *
from .loss.margin import *
from .loss.similarity import *
from .module import *
from .norm.batch import *
from .norm.instance import *
from .norm.layer import *
from .norm.local import *
from .parameter import *
from .parameter_containers import *
from .pooling import *
