"""Functions of tensors with the names of `torch`, one module per family.

Each operation registers once, in `registry`, together with its methods and operators. `__all__` of
a module lists its public functions, which are available as ``cnet.<name>``.
"""

from types import FunctionType
from typing import TYPE_CHECKING

from .arithmetic import *
from .axes import *
from .comparison import *
from .complex_numbers import *
from .compound import *
from .contraction import *
from .conversion import *
from .creation import *
from .cumulative import *
from .division import *
from .elementwise import *
from .exponents import *
from .extrema import *
from .filling import *
from .gathering import *
from .index_writing import *
from .indexing import *
from .joining import *
from .logic import *
from .masks import *
from .matrices import *
from .norms import *
from .products import *
from .properties import *
from .quantiles import *
from .ranges import *
from .rearranging import *
from .reductions import *
from .reshaping import *
from .rounding import *
from .sampling import *
from .scattering import *
from .selection import *
from .shape import *
from .sorting import *
from .special import *
from .splitting import *
from .statistics import *
from .triangles import *
from .trigonometric import *
from .truth import *
from .uniqueness import *
from .variance import *
from .windows import *

if not TYPE_CHECKING:  # type checkers read the lists of the families
    __all__ = [name for name, item in globals().items() if isinstance(item, FunctionType)]
