"""Names without an underscore at the end, which warn and call the functions with one."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from . import basic, structured, variance


def _deprecated(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"nn.init.{name[:-1]} is deprecated; use nn.init.{name}", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name[:-1]
    call.__doc__ = f"Deprecated name of `{name}`."
    return call


uniform = _deprecated(basic.uniform_)
normal = _deprecated(basic.normal_)
constant = _deprecated(basic.constant_)
eye = _deprecated(structured.eye_)
dirac = _deprecated(structured.dirac_)
xavier_uniform = _deprecated(variance.xavier_uniform_)
xavier_normal = _deprecated(variance.xavier_normal_)
kaiming_uniform = _deprecated(variance.kaiming_uniform_)
kaiming_normal = _deprecated(variance.kaiming_normal_)
orthogonal = _deprecated(structured.orthogonal_)
sparse = _deprecated(structured.sparse_)
