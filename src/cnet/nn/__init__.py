"""Layers: modules with parameters around `cnet.functional`, with PyTorch's names and defaults.

`__all__` of a module lists its public classes, which are available as ``cnet.nn.<name>``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import functional as functional
from . import init as init
from .activation import *
from .adaptive import *
from .attention import *
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
    from . import modules as modules
    from . import parallel as parallel
    from . import utils as utils


def __getattr__(name: str) -> Any:
    """Packages that only some programs need are imported when they are used."""
    if name in ("modules", "utils"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
