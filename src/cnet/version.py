"""The version of the package, under the names of `torch.version`."""

from . import __version__ as __version__

__all__ = ["cuda", "debug", "hip"]

debug = False
cuda = None
hip = None
