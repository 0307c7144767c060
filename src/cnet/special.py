"""Special functions under their names in ``torch.special``; all are also functions of `cnet`."""

from .functional.softmax import log_softmax, softmax
from .operations.elementwise import (
    erf,
    erfc,
    exp2,
    expm1,
    log1p,
    logit,
)
from .operations.elementwise import sigmoid as expit
from .operations.reductions import logsumexp
from .operations.rounding import round
from .operations.special import digamma, erfinv, i0, sinc, xlogy
from .operations.special import digamma as psi
from .operations.special import lgamma as gammaln
from .operations.special import mvlgamma as multigammaln

__all__ = [
    "digamma", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "log1p",
    "log_softmax", "logit", "logsumexp", "multigammaln", "psi", "round", "sinc", "softmax", "xlogy",
]  # fmt: skip
