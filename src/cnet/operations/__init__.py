"""Functions of tensors with the names of `torch`, one module per family.

Each operation registers once, in `registry`, together with its methods and operators. `__all__` of
a module lists its public functions, which are available as ``cnet.<name>``.
"""

from . import (
    arithmetic,
    comparison,
    compound,
    division,
    elementwise,
    extrema,
    indexing,
    joining,
    logic,
    products,
    reductions,
    rounding,
    selection,
    shape,
    sorting,
    special,
    trigonometric,
)
from .arithmetic import *
from .comparison import *
from .compound import *
from .division import *
from .elementwise import *
from .extrema import *
from .indexing import *
from .joining import *
from .logic import *
from .products import *
from .reductions import *
from .rounding import *
from .selection import *
from .shape import *
from .sorting import *
from .special import *
from .trigonometric import *

__all__: list[str] = []
__all__ += arithmetic.__all__
__all__ += comparison.__all__
__all__ += compound.__all__
__all__ += division.__all__
__all__ += elementwise.__all__
__all__ += extrema.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += logic.__all__
__all__ += products.__all__
__all__ += reductions.__all__
__all__ += rounding.__all__
__all__ += selection.__all__
__all__ += shape.__all__
__all__ += sorting.__all__
__all__ += special.__all__
__all__ += trigonometric.__all__
