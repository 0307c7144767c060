"""Power-average pooling: the p-norm of each window."""

from collections.abc import Sequence
from math import inf, isinf, prod
from typing import TypeAlias

from .. import geometry
from .._explained import explained
from ..tensor import Tensor, TensorLike, as_tensor
from .pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]

Sizes: TypeAlias = int | Sequence[int]
_AVERAGES = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_MAXIMA = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _lp_pool(
    x: TensorLike, axes: int, norm_type: float, kernel_size: Sizes, stride: Sizes | None,
    ceil_mode: bool,
) -> Tensor:  # fmt: skip
    function = f"lp_pool{axes}d"
    kernel = geometry.per_axis(function, "kernel_size", kernel_size, axes, 1)
    norm_type = float(norm_type)
    if norm_type == 0:
        raise ValueError(f"{function}: norm_type must not be zero")
    if isinf(norm_type):
        sign = 1 if norm_type > 0 else -1
        magnitudes = as_tensor(x).abs()
        greatest: Tensor = _MAXIMA[axes](sign * magnitudes, kernel, stride, 0, 1, ceil_mode)
        return sign * greatest
    means = _AVERAGES[axes](as_tensor(x) ** norm_type, kernel, stride, 0, ceil_mode)
    sums = means * prod(kernel)
    is_zero = sums == 0  # where the derivative of the root is infinite
    roots: Tensor = sums.masked_fill(is_zero, 1) ** (1 / norm_type)
    return roots.masked_fill(is_zero, 0 if norm_type > 0 else inf)


@explained
def lp_pool1d(
    input: TensorLike,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window: the root of the sum of powers ``x ** norm_type``.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        float32 or float64. For an odd or fractional `norm_type`, numbers are not replaced by their
        magnitudes.
    norm_type : float
        The exponent p; 1 gives sums, and infinity the greatest magnitude.
    kernel_size : int or (int,)
        The size of the window.
    stride : int or (int,), optional
        The step of the window; by default `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the input. As in PyTorch, its sum is
        scaled up to a full window.

    Returns
    -------
    Tensor, shape (n, c, ol) or (c, ol)
        In the dtype of `input`. A window whose sum is 0 passes on the gradient 0, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the input.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([3.0, 4.0]).reshape(1, 2)
    >>> cnet.functional.lp_pool1d(x, 2, 2).item()
    5.0
    """
    return _lp_pool(input, 1, norm_type, kernel_size, stride, ceil_mode)


@explained
def lp_pool2d(
    input: TensorLike,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window: the root of the sum of powers ``x ** norm_type``.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        float32 or float64. For an odd or fractional `norm_type`, numbers are not replaced by their
        magnitudes.
    norm_type : float
        The exponent p; 1 gives sums, and infinity the greatest magnitude.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window; by default `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the input. As in PyTorch, its sum is
        scaled up to a full window.

    Returns
    -------
    Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        In the dtype of `input`. A window whose sum is 0 passes on the gradient 0, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the input.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([3.0, 4.0]).reshape(1, 1, 2)
    >>> cnet.functional.lp_pool2d(x, 2, (1, 2)).item()
    5.0
    """
    return _lp_pool(input, 2, norm_type, kernel_size, stride, ceil_mode)


@explained
def lp_pool3d(
    input: TensorLike,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window: the root of the sum of powers ``x ** norm_type``.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        float32 or float64. For an odd or fractional `norm_type`, numbers are not replaced by their
        magnitudes.
    norm_type : float
        The exponent p; 1 gives sums, and infinity the greatest magnitude.
    kernel_size : int or (int, int, int)
        The size of the window.
    stride : int or (int, int, int), optional
        The step of the window; by default `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the input. As in PyTorch, its sum is
        scaled up to a full window.

    Returns
    -------
    Tensor, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        In the dtype of `input`. A window whose sum is 0 passes on the gradient 0, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the input.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([3.0, 4.0]).reshape(1, 1, 1, 2)
    >>> cnet.functional.lp_pool3d(x, 2, (1, 1, 2)).item()
    5.0
    """
    return _lp_pool(input, 3, norm_type, kernel_size, stride, ceil_mode)
