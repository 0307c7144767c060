"""Loss functions: the deviation of results from targets, per item or reduced to one number."""

from . import binary, classification, difference
from .binary import *
from .classification import *
from .difference import *

__all__: list[str] = []
__all__ += binary.__all__
__all__ += classification.__all__
__all__ += difference.__all__
