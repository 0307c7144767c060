"""Layers: modules with parameters around `cnet.functional`, with PyTorch's names and defaults.

`__all__` of a module lists its public classes, which are available as ``cnet.nn.<name>``.
"""

from typing import TYPE_CHECKING

from .. import _lazy
from .. import functional as functional
from . import init as init
from .activation import *
from .adaptive import *
from .containers import *
from .conv import *
from .conv_transpose import *
from .distance import *
from .dropout import *
from .embedding import *
from .flatten import *
from .fold import *
from .lazy import *
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
from .padding import *
from .parallel import DataParallel as DataParallel
from .parallel import SyncBatchNorm as SyncBatchNorm
from .parameter import *
from .parameter_containers import *
from .pooling import *
from .rectifiers import *
from .softmax import *
from .special_pooling import *
from .upsampling import *

if TYPE_CHECKING:
    from . import common_types as common_types
    from . import modules as modules
    from . import parallel as parallel
    from . import utils as utils
    from .adaptive_softmax import *
    from .attention import *
    from .rnn import *
    from .rnn_cells import *
    from .transformer import *

_LAZY_MODULES = {"common_types", "modules", "utils"}
_LAZY = {
    "AdaptiveLogSoftmaxWithLoss": "adaptive_softmax",
    "MultiheadAttention": "attention",
    **dict.fromkeys(("GRU", "LSTM", "RNN", "RNNBase"), "rnn"),
    **dict.fromkeys(("GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"), "rnn_cells"),
    "Transformer": "transformer",
    "TransformerDecoder": "transformer",
    "TransformerDecoderLayer": "transformer",
    "TransformerEncoder": "transformer",
    "TransformerEncoderLayer": "transformer",
}
"""Names that are imported when they are used, each with its module."""

__getattr__, __dir__ = _lazy.attributes(__name__, _LAZY_MODULES, _LAZY)

if not TYPE_CHECKING:  # type checkers read the lists of the families
    __all__ = [name for name in __dir__() if not name.startswith("_")]
