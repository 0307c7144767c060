"""Keyword arguments that all functions that create tensors share."""

from collections.abc import Callable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..autograd import Array
from ..autograd.engine import wrap
from ..devices import Place, require_cpu
from ..dtypes import DType, as_dtype, of_number
from ..layouts import memory_format, preserve_format, require_strided
from ..random import default_generator
from ..replay import values_of
from ..tensor import Tensor, TensorLike, array_of
from ._formats import copied
from ._out import written

if TYPE_CHECKING:
    import numpy.random

Size = int | Sequence[int]


class Options(TypedDict, total=False):
    """The keyword arguments of functions that create a tensor."""

    dtype: DType
    layout: Any
    device: Place
    requires_grad: bool
    pin_memory: bool


class OutOptions(Options, total=False):
    """`Options`, and a tensor for the result."""

    out: Tensor | None


class LikeOptions(Options, total=False):
    """`Options` of functions that create a tensor in the shape of another."""

    memory_format: "memory_format"


_KNOWN = {"dtype", "layout", "device", "requires_grad", "pin_memory", "out"}


def chosen_dtype(function: str, options: Any, default: np.dtype[Any]) -> np.dtype[Any]:
    """Check the options of a call; return the dtype, or `default` if it is missing."""
    if not options:
        return default
    unknown = sorted(set(options) - _KNOWN)
    if unknown:
        raise TypeError(f"{function}() got an unexpected keyword argument {unknown[0]!r}")
    require_cpu(function, options.get("device"))
    require_strided(function, options.get("layout"))
    out, dtype = options.get("out"), options.get("dtype")
    if not (out is None or isinstance(out, Tensor)):
        raise TypeError(f"{function}: out must be a tensor (got {type(out).__name__})")
    if dtype is not None:
        return as_dtype(function, dtype)
    return default if out is None else out.dtype


def created(function: str, array: Array, options: Any) -> Tensor:
    """The result of a function: a tensor of an array, or `out` with the elements of the array."""
    out = options.get("out")
    if out is not None:
        result: Tensor = written(function, array, out)
        return result
    if requires_grad := options.get("requires_grad"):
        return Tensor(array, requires_grad=requires_grad)
    return wrap(array)  # type: ignore[return-value]


def sizes(function: str, size: tuple[Any, ...], options: Any = None) -> tuple[int, ...]:
    """A shape that was given as separate arguments, as one sequence, or as the option `size`."""
    if options and "size" in options:
        if size:
            raise TypeError(f"{function}: size must be given once")
        size = (options.pop("size"),)
        if size[0] is None:
            raise TypeError(f"{function}: size must be a sequence of int (got None)")
    if len(size) == 1 and type(size[0]) is tuple:
        given = size[0]
    elif len(size) == 1 and isinstance(size[0], (Sequence, np.ndarray, Tensor)):
        given = tuple(size[0]) if getattr(size[0], "ndim", 1) else size
    else:
        given = size
    try:
        shape = tuple([index(number) for number in given])
    except TypeError:
        raise TypeError(f"{function}: size must be a sequence of int (got {given})") from None
    if shape and min(shape) < 0:
        raise ValueError(f"{function}: size must not be negative (got {shape})")
    return shape


def count_of(function: str, count: Any) -> int:
    """A size, as a number that is not negative."""
    return count if type(count) is int and count >= 0 else sizes(function, (count,))[0]


def like(
    function: str, input: TensorLike, options: Any, make: Callable[[Any, Any], Array]
) -> Tensor:  # fmt: skip
    """Create a tensor in the shape, dtype and axis order of another, by ``make(shape, dtype)``."""
    chosen = options.pop("memory_format", preserve_format)
    array = make(input.shape, chosen_dtype(function, options, input.dtype))
    if chosen is not preserve_format:
        array = copied(function, array, chosen)
    elif not (model := array_of(input)).flags.c_contiguous:
        ordered = np.empty_like(model, array.dtype)
        ordered[...] = array
        array = ordered
    return created(function, array, options)


def generator_of(function: str, generator: Any) -> "numpy.random.Generator":
    """The generator of a call, by default the one that `manual_seed` seeds."""
    if generator is None:
        return default_generator()
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"{function}: generator must be a Generator (got {type(generator).__name__})"
        )
    return generator


def number_of(function: str, name: str, value: Any) -> Any:
    """A Python number, given as such or as a tensor or array with one element."""
    if type(value) in of_number:
        return value
    if isinstance(value, (Tensor, np.ndarray, np.generic)) and array_of(value).size == 1:
        return values_of(name, array_of(value)).item()
    raise TypeError(f"{function}: {name} must be a number (got {value!r})")


def dtype_of(*numbers: Any) -> np.dtype[Any]:
    """The dtype of Python numbers together: float if one is a float."""
    types = set(map(type, numbers))
    return of_number[float if float in types else int if int in types else bool]
