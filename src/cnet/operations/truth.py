"""Whether all or any elements are true, and whether elements occur in others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array
from ..autograd.engine import wrap
from ..replay import again
from ..tensor import Axis, Tensor, TensorLike, array_of
from ._common import also_dim
from ._dims import reduced_axes
from .registry import numpy_function, operation

__all__ = ["all", "any", "isin"]


_UINT8 = np.dtype(np.uint8)


def _reduced(function: str, ufunc: np.ufunc, x: TensorLike, dim: Axis, keepdim: bool) -> Tensor:
    array = array_of(x)
    axes = () if isinstance(dim, Sequence) and not dim else reduced_axes(function, array, dim)
    dtype: Any = np.uint8 if array.dtype is _UINT8 else bool
    return wrap(again(function, _found, array, ufunc, axes, keepdim, dtype))  # type: ignore[return-value]


def _found(x: Array, ufunc: np.ufunc, axes: Any, keepdims: bool, dtype: Any) -> Array:
    reduce: Any = ufunc.reduce
    return np.asarray(reduce(x, axes, bool, keepdims=keepdims), dtype)


@operation(methods=("all",), numpy=(np.all,))
@also_dim
def all(
    input: TensorLike, dim: Axis = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Whether all elements are true or not zero; not part of the graph.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to reduce; all by default, and none for an empty sequence. NumPy's name is
        `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor of bool; of uint8 for uint8

    Raises
    ------
    IndexError
        If a dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.all(cnet.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return _reduced("all", np.logical_and, input, dim, keepdim)


@operation(methods=("any",), numpy=(np.any,))
@also_dim
def any(
    input: TensorLike, dim: Axis = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Whether any element is true or not zero; arguments and errors are those of `all`.

    Examples
    --------
    >>> import cnet
    >>> cnet.any(cnet.tensor([[False, False], [True, False]]), dim=1)
    tensor([False,  True])
    """
    return _reduced("any", np.logical_or, input, dim, keepdim)


@operation()
def isin(
    elements: Any,
    test_elements: Any,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Whether each element occurs among others; not part of the graph.

    Parameters
    ----------
    elements, test_elements : Tensor, ndarray or number
    assume_unique : bool, default False
        Accepted for compatibility.
    invert : bool, default False
        Whether to test that the element does not occur.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor of bool, in the shape of `elements`

    Examples
    --------
    >>> import cnet
    >>> cnet.isin(cnet.tensor([1, 2, 3]), cnet.tensor([2, 4]))
    tensor([False,  True, False])
    """
    return Tensor(again("isin", _isin, array_of(elements), array_of(test_elements), invert))


def _isin(elements: Any, test_elements: Any, invert: bool) -> Any:
    return np.asarray(np.isin(elements, test_elements, invert=invert))


@numpy_function(np.isin)
def _numpy_isin(element: Any, test_elements: Any, **options: Any) -> Tensor:
    return isin(element, test_elements, **options)
