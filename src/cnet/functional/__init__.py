"""Functions of networks with the names of `torch.nn.functional`, one module per family.

`__all__` of a module lists its public functions, which are available as
``cnet.functional.<name>``.
"""

from typing import TYPE_CHECKING

from .. import _lazy
from ..operations.elementwise import sigmoid as sigmoid
from ..operations.trigonometric import tanh as tanh
from .activation import *
from .adaptive import *
from .conv import *
from .distance import *
from .dropout import *
from .embedding import *
from .fold import *
from .interpolation import *
from .linear import *
from .loss.binary import *
from .loss.classification import *
from .loss.difference import *
from .loss.likelihood import *
from .loss.margin import *
from .loss.similarity import *
from .norm.batch import *
from .norm.group import *
from .norm.local import *
from .padding import *
from .pooling import *
from .rectifiers import *
from .shuffling import *
from .softmax import *

if TYPE_CHECKING:
    from .attention import *
    from .fractional import *
    from .loss.ctc import *
    from .lp_pooling import *
    from .multi_head import *
    from .sampling import *
    from .unpooling import *

_LAZY = {
    "scaled_dot_product_attention": "attention",
    "multi_head_attention_forward": "multi_head",
    **dict.fromkeys(("fractional_max_pool2d", "fractional_max_pool3d"), "fractional"),
    "ctc_loss": "loss.ctc",
    **dict.fromkeys(("lp_pool1d", "lp_pool2d", "lp_pool3d"), "lp_pooling"),
    **dict.fromkeys(("affine_grid", "grid_sample"), "sampling"),
    **dict.fromkeys(("max_unpool1d", "max_unpool2d", "max_unpool3d"), "unpooling"),
}
"""Functions that are imported when they are used, each with its module."""

__getattr__, __dir__ = _lazy.attributes(__name__, (), _LAZY)

if not TYPE_CHECKING:  # type checkers read the lists of the families
    __all__ = [name for name in __dir__() if not name.startswith("_")]
