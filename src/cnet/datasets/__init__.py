"""Published data sets, and the files they come from."""

from .digits import digits
from .idx import read_idx
from .mnist import mnist

__all__ = ["digits", "mnist", "read_idx"]
