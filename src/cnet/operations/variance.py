"""Variances and standard deviations."""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..kernels.reduce import reduce_small
from ..tensor import Axis, Tensor, TensorLike
from ._common import also_dim
from ._dims import reduced_axes
from ._promotion import require_float
from ._sums import average, length, total, wide_total
from .reductions import Axes, mean, squeezed
from .registry import numpy_function, operation

__all__ = ["std", "std_mean", "var", "var_mean"]


class Var(Operation[Tensor]):
    """The variance, computed from an accurate mean; if `root` is true, its square root."""

    @classmethod
    def compute(
        cls, x: Array, *, axes: Axes, correction: float, keepdims: bool, root: bool
    ) -> Array:
        freedom = length(x, axes) - correction
        if freedom > 0:
            found = reduce_small(x, "variance", axes, keepdims, freedom, root)
            if found is not None:
                return found[0]
        return cls.forward(
            Context(cls, (None,)), x, axes=axes, correction=correction, keepdims=keepdims, root=root
        )

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, axes: Axes, correction: float, keepdims: bool, root: bool
    ) -> Array:
        count = length(x, axes)
        ctx.axes, ctx.freedom = axes, np.float64(max(count - correction, 0))
        if ctx.freedom:
            found = reduce_small(x, "variance", axes, True, ctx.freedom, root)
            if found is not None:
                y, mean = found
                ctx.save_for_backward(x, mean, None, y if root else None)
                return squeezed(ctx, y, axes, keepdims)
        wide = wide_total(x, axes) / count
        mean = wide.astype(x.dtype, copy=False)
        deviation = np.asarray(x - mean)
        # The rounding error of the mean, from its float64 value or the sum of all deviations.
        rest = np.subtract(wide, mean) if x.itemsize < 8 else average(deviation, axes)
        rest = np.asarray(rest, x.dtype)
        deviation -= rest
        y = (total(deviation * deviation, axes, keepdims=True) / ctx.freedom).astype(x.dtype)
        if root:
            y = np.sqrt(y)
        ctx.save_for_backward(x, mean, rest, y if root else None)
        return squeezed(ctx, y, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, mean, rest, y = ctx.saved
        grad = grad.reshape(ctx.kept_shape)
        deviation = np.asarray(x - mean, x.dtype)
        if rest is not None:
            deviation -= rest
        if y is None:
            return (grad * 2 / ctx.freedom).astype(x.dtype) * deviation
        # Where all elements are equal, the gradient is defined as 0, as in PyTorch.
        scaled = np.divide(deviation, y, out=np.zeros_like(deviation), where=y != 0)
        return (grad / ctx.freedom).astype(x.dtype) * scaled


def _variance(
    function: str, x: TensorLike, axis: Axis, correction: float | None, keepdims: bool,
    unbiased: bool | None,
) -> Tensor:  # fmt: skip
    if isinstance(axis, bool):  # PyTorch's var(x, unbiased)
        axis, unbiased = None, axis
    if correction is not None and unbiased is not None:
        raise TypeError(f"{function}: correction and unbiased are the same argument")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    require_float(function, x)
    axes = reduced_axes(function, x, axis)
    return Var.apply(x, axes=axes, correction=correction, keepdims=keepdims, root=function == "std")


@operation(Var, methods=("var",))
@also_dim
def var(
    input: TensorLike,
    dim: Axis = None,
    correction: float | None = None,
    keepdim: bool = False,
    unbiased: bool | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The variance of elements.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    dim : int or sequence of int, optional
        Dimensions along which the variance is computed; all by default. NumPy's name is `axis`.
    correction : float, default 1
        The divisor is the number of elements minus `correction`. NumPy's name is `ddof`, with
        default 0.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    unbiased : bool, optional
        PyTorch's older name: True for a `correction` of 1, False for 0.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; 0 if all elements are equal; NaN or infinite, with NumPy's warning,
        if `correction` is not less than the number of elements.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, or both `correction` and `unbiased` are given.
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.var(cnet.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _variance("var", input, dim, correction, keepdim, unbiased)


@operation(Var, methods=("std",))
@also_dim
def std(
    input: TensorLike,
    dim: Axis = None,
    correction: float | None = None,
    keepdim: bool = False,
    unbiased: bool | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The standard deviation of elements.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    dim : int or sequence of int, optional
        Dimensions along which the deviation is computed; all by default. NumPy's name is `axis`.
    correction : float, default 1
        The divisor is the number of elements minus `correction`. NumPy's name is `ddof`, with
        default 0.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    unbiased : bool, optional
        PyTorch's older name: True for a `correction` of 1, False for 0.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`, with the same special cases as `var`. Where the result is 0, the
        gradient is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, or both `correction` and `unbiased` are given.
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.std(cnet.tensor([1.0, 3.0, 5.0]))
    tensor(2.)
    """
    return _variance("std", input, dim, correction, keepdim, unbiased)


@also_dim
def var_mean(
    input: TensorLike, dim: Axis = None, correction: float | None = None, keepdim: bool = False,
    unbiased: bool | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The variance and the arithmetic mean; arguments and errors are those of `var`.

    Examples
    --------
    >>> import cnet
    >>> cnet.var_mean(cnet.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _with_mean("var", input, dim, correction, keepdim, unbiased)


@also_dim
def std_mean(
    input: TensorLike, dim: Axis = None, correction: float | None = None, keepdim: bool = False,
    unbiased: bool | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The standard deviation and the arithmetic mean; arguments and errors are those of `std`.

    Examples
    --------
    >>> import cnet
    >>> cnet.std_mean(cnet.tensor([1.0, 3.0, 5.0]))
    (tensor(2.), tensor(3.))
    """
    return _with_mean("std", input, dim, correction, keepdim, unbiased)


def _with_mean(
    function: str, x: TensorLike, dim: Any, correction: Any, keepdim: bool, unbiased: Any
) -> tuple[Tensor, Tensor]:
    spread = _variance(function, x, dim, correction, keepdim, unbiased)
    return spread, mean(x, None if isinstance(dim, bool) else dim, keepdim)


@numpy_function(np.var)
def _numpy_var(x: Tensor, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return var(x, axis, ddof, keepdims)


@numpy_function(np.std)
def _numpy_std(x: Tensor, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return std(x, axis, ddof, keepdims)
