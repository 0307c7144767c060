"""Normalisation layers."""

from . import batch, instance, layer, local
from .batch import *
from .instance import *
from .layer import *
from .local import *

__all__: list[str] = []
__all__ += batch.__all__
__all__ += instance.__all__
__all__ += layer.__all__
__all__ += local.__all__
