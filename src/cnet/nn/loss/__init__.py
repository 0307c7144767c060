"""Loss modules, in files of the same names as in `cnet.functional.loss`."""

from ._base import Loss as _Loss
from ._base import WeightedLoss as _WeightedLoss
from .binary import *
from .classification import *
from .ctc import *
from .difference import *
from .likelihood import *
from .margin import *
from .similarity import *
