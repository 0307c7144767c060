"""Functions of tensors with the names of `torch`, one module per family.

Each operation registers once, in `registry`, together with its methods and operators. `__all__` of
a module lists its public functions, which are available as ``cnet.<name>``.
"""

from . import (
    arithmetic,
    axes,
    comparison,
    contraction,
    conversion,
    creation,
    cumulative,
    elementwise,
    extrema,
    filling,
    gathering,
    index_writing,
    indexing,
    joining,
    logical,
    masks,
    norms,
    products,
    properties,
    quantiles,
    ranges,
    rearranging,
    reductions,
    reshaping,
    sampling,
    scattering,
    selection,
    shape,
    sorting,
    splitting,
    triangles,
    uniqueness,
    variance,
)
from .arithmetic import *
from .axes import *
from .comparison import *
from .contraction import *
from .conversion import *
from .creation import *
from .cumulative import *
from .elementwise import *
from .extrema import *
from .gathering import *
from .index_writing import *
from .indexing import *
from .joining import *
from .logical import *
from .masks import *
from .norms import *
from .products import *
from .properties import *
from .quantiles import *
from .ranges import *
from .rearranging import *
from .reductions import *
from .sampling import *
from .scattering import *
from .selection import *
from .shape import *
from .sorting import *
from .splitting import *
from .triangles import *
from .uniqueness import *
from .variance import *

__all__: list[str] = []
__all__ += arithmetic.__all__
__all__ += axes.__all__
__all__ += comparison.__all__
__all__ += contraction.__all__
__all__ += conversion.__all__
__all__ += creation.__all__
__all__ += cumulative.__all__
__all__ += elementwise.__all__
__all__ += extrema.__all__
__all__ += filling.__all__
__all__ += gathering.__all__
__all__ += index_writing.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += logical.__all__
__all__ += masks.__all__
__all__ += norms.__all__
__all__ += products.__all__
__all__ += properties.__all__
__all__ += quantiles.__all__
__all__ += ranges.__all__
__all__ += rearranging.__all__
__all__ += reductions.__all__
__all__ += reshaping.__all__
__all__ += sampling.__all__
__all__ += scattering.__all__
__all__ += selection.__all__
__all__ += shape.__all__
__all__ += sorting.__all__
__all__ += splitting.__all__
__all__ += triangles.__all__
__all__ += uniqueness.__all__
__all__ += variance.__all__
