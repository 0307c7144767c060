"""Loss modules, in files of the same names as in `cnet.functional.loss`."""

from . import binary, classification, ctc, difference, likelihood, margin, similarity
from .binary import *
from .classification import *
from .ctc import *
from .difference import *
from .likelihood import *
from .margin import *
from .similarity import *

__all__: list[str] = []
__all__ += binary.__all__
__all__ += classification.__all__
__all__ += ctc.__all__
__all__ += difference.__all__
__all__ += likelihood.__all__
__all__ += margin.__all__
__all__ += similarity.__all__
