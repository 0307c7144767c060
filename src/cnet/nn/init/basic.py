"""Initial values from simple distributions, and constants."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..._explained import explained
from ..._warning import warn
from ...random import default_generator
from ...tensor import Tensor

Array: TypeAlias = npt.NDArray[Any]
Fillable = TypeVar("Fillable", Tensor, Array)


@explained
def uniform_(
    tensor: Fillable, a: float = 0.0, b: float = 1.0, generator: "np.random.Generator | None" = None
) -> Fillable:
    """Draw from the uniform distribution on [a, b).

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, any shape
        The values to replace, in place.
    a, b : float, default 0 and 1
        The bounds.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `a` is greater than `b`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> w = init.uniform_(np.empty((2, 3)), -1, 1)
    >>> bool((abs(w) <= 1).all())
    True
    """
    if a > b:
        raise ValueError(f"uniform_: a must be at most b (got {a} and {b})")
    array = writable("uniform_", tensor)
    array[...] = (generator or default_generator()).uniform(a, b, array.shape)
    return tensor


@explained
def normal_(
    tensor: Fillable,
    mean: float = 0.0,
    std: float = 1.0,
    generator: "np.random.Generator | None" = None,
) -> Fillable:
    """Draw from the normal distribution with the given mean and standard deviation.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, any shape
        The values to replace, in place.
    mean, std : float, default 0 and 1
        Mean and standard deviation.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.normal_(np.empty((2, 3)), std=0.02).shape
    (2, 3)
    """
    array = writable("normal_", tensor)
    array[...] = (generator or default_generator()).normal(mean, std, array.shape)
    return tensor


@explained
def trunc_normal_(
    tensor: Fillable,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: "np.random.Generator | None" = None,
) -> Fillable:
    """Draw from the part of a normal distribution between `a` and `b`.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, any shape
        The values to replace, in place.
    mean, std : float, default 0 and 1
        Mean and standard deviation of the whole distribution.
    a, b : float, default -2 and 2
        The bounds.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `mean` is not finite, `std` is not positive, or `a` is not less than `b`.

    Warns
    -----
    UserWarning
        If `mean` is more than two standard deviations outside of the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> w = init.trunc_normal_(np.empty((20, 30)), std=0.5, a=-1, b=1)
    >>> bool((abs(w) <= 1).all())
    True
    """
    if not math.isfinite(mean):
        raise ValueError(f"trunc_normal_: mean must be finite (got {mean})")
    if not std > 0:
        raise ValueError(f"trunc_normal_: std must be positive (got {std})")
    if not a < b:
        raise ValueError(f"trunc_normal_: a must be less than b (got {a} and {b})")
    array = writable("trunc_normal_", tensor)
    if mean < a - 2 * std or mean > b + 2 * std:
        warn(
            "trunc_normal_: mean is more than two standard deviations outside of the bounds "
            f"(got mean={mean}, std={std}, a={a}, b={b})"
        )
    draw = _truncated(generator or default_generator(), mean, std, a, b)
    values, missing = np.empty(array.size), np.arange(array.size)
    while missing.size:
        candidates, is_accepted = draw(missing.size)
        values[missing[is_accepted]] = candidates[is_accepted]
        missing = missing[~is_accepted]
    array[...] = np.clip(values.reshape(array.shape).astype(array.dtype), a, b)
    return tensor


def _truncated(
    generator: "np.random.Generator", mean: float, std: float, a: float, b: float
) -> Callable[[int], tuple[Array, Array]]:
    """A function that draws candidates, and tells which of them are accepted."""

    def below(x: float) -> float:
        return (1 + math.erf((x - mean) / std / math.sqrt(2))) / 2

    if below(b) - below(a) > 0.3:

        def draw(count: int) -> tuple[Array, Array]:
            candidates = generator.normal(mean, std, count)
            return candidates, (candidates >= a) & (candidates <= b)

    else:
        mode = max(a, min(mean, b))

        def draw(count: int) -> tuple[Array, Array]:
            candidates = generator.uniform(a, b, count)
            relative = ((mode - mean) ** 2 - (candidates - mean) ** 2) / (2 * std**2)
            return candidates, generator.random(count) <= np.exp(relative)

    return draw


@explained
def constant_(tensor: Fillable, val: float) -> Fillable:
    """Set every element to `val`.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, any shape
        The values to replace, in place.
    val : float
        The value.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.constant_(np.empty(2), 0.5)
    array([0.5, 0.5])
    """
    writable("constant_", tensor)[...] = val
    return tensor


@explained
def ones_(tensor: Fillable) -> Fillable:
    """Set every element to 1.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, any shape
        The values to replace, in place.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.ones_(np.empty(2))
    array([1., 1.])
    """
    writable("ones_", tensor)[...] = 1
    return tensor


@explained
def zeros_(tensor: Fillable) -> Fillable:
    """Set every element to 0.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, any shape
        The values to replace, in place.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.zeros_(np.empty(2))
    array([0., 0.])
    """
    writable("zeros_", tensor)[...] = 0
    return tensor


def writable(function: str, tensor: Any) -> Array:
    """The array of a tensor that is about to be filled."""
    array = tensor._array if isinstance(tensor, Tensor) else tensor
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        kind = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{function}: tensor must be a tensor or ndarray of floats (got {kind})")
    if isinstance(tensor, Tensor):
        tensor.note_change(function)
    return array
