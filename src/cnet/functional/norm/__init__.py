"""Normalisation to mean 0 and variance 1, or by the size of neighbours."""

from . import batch, group, local
from .batch import *
from .group import *
from .local import *

__all__: list[str] = []
__all__ += batch.__all__
__all__ += group.__all__
__all__ += local.__all__
