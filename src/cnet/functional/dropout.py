"""Dropout of elements and of channels, with zeros or with the saturated value of SELU."""

from math import sqrt
from typing import Any

import numpy as np

from .. import random
from .._explained import explained
from .._warning import warn
from ..autograd import Array, Context, Operation
from ..autograd.inplace import apply_in_place
from ..operations._promotion import require_float
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "feature_dropout",
]

_SATURATED = -1.7580993408473766
"""The limit of SELU for large negative numbers."""


class Dropout(Operation[Tensor]):
    """Keep random elements with a scale and a shift, and replace the others by a number.

    The scale and the shift keep the mean and the variance of the numbers that SELU produces; with
    the number 0, they keep the mean. A mask of shape `mask` is broadcast.
    """

    @staticmethod
    def forward(ctx: Context, x: Array, *, p: float, mask: tuple[int, ...], number: float) -> Any:
        kept = random.default_generator().random(mask, dtype=np.float32) >= p
        ctx.scale = _scale(p, number)
        ctx.save_for_backward(kept)
        y = x * kept * ctx.scale
        if number and p < 1:
            shift = -p * number * ctx.scale
            y += np.where(kept, x.dtype.type(shift), x.dtype.type(number * ctx.scale + shift))
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (kept,) = ctx.saved
        return grad * kept * ctx.scale


def _scale(p: float, number: float) -> float:
    if p == 1:
        return 0.0
    return 1 / sqrt((1 - p) * (1 + p * number * number)) if number else 1 / (1 - p)


def _applied(
    function: str,
    input: TensorLike,
    p: float,
    training: bool,
    inplace: bool,
    axes: int | None = None,
    number: float = 0.0,
) -> Tensor:
    """Check the arguments, and drop slices along the first `axes` axes, by default elements."""
    if not 0 <= p <= 1:
        raise ValueError(f"{function}: p must be between 0 and 1 (got {p})")
    input = as_tensor(input)
    if not training or p == 0:
        return input
    require_float(function, input)
    axes = input.ndim if axes is None else axes
    if input.ndim < axes and p < 1:
        raise ValueError(
            f"{function}: input must have at least {axes} dimensions (got {input.ndim})"
        )
    mask = (*input.shape[:axes], *[1] * (input.ndim - axes))
    options = {"p": p, "mask": mask, "number": number}
    if inplace:
        result: Tensor = apply_in_place(Dropout, input, **options)
        return result
    return Dropout.apply(input, **options)


@explained
def dropout(
    input: TensorLike, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set random elements to 0 and scale the others by ``1 / (1 - p)``.

    Parameters
    ----------
    input : Tensor or ndarray of a float dtype, any shape
    p : float, default 0.5
        The probability that an element is set to 0.
    training : bool, default True
        If False, `input` is returned unchanged.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The random numbers come from the generator that
        `cnet.manual_seed` seeds.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    ValueError
        If `p` is not between 0 and 1.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet, numpy
    >>> _ = cnet.manual_seed(0)
    >>> y = cnet.functional.dropout(numpy.ones(1000), 0.2)
    >>> numpy.unique(y)
    array([0.  , 1.25])

    References
    ----------
    N. Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting,
    Journal of Machine Learning Research 15 (2014).
    """
    return _applied("dropout", input, p, training, inplace)


@explained
def feature_dropout(
    input: TensorLike, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set random channels to 0 and scale the others by ``1 / (1 - p)``.

    Parameters
    ----------
    input : Tensor or ndarray of a float dtype, shape (n, c, ...)
    p : float, default 0.5
        The probability that a channel of an item is set to 0.
    training : bool, default True
        If False, `input` is returned unchanged.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        For the same reasons as in `dropout`; ValueError also if `input` has fewer than 2
        dimensions.

    Examples
    --------
    >>> import cnet, numpy
    >>> _ = cnet.manual_seed(0)
    >>> y = cnet.functional.feature_dropout(numpy.ones((1, 1000, 2)), 0.2)
    >>> numpy.unique(y, axis=1)
    array([[[0.  , 0.  ],
            [1.25, 1.25]]])
    """
    return _applied("feature_dropout", input, p, training, inplace, axes=2)


@explained
def dropout1d(
    input: TensorLike, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`feature_dropout` of sequences, shape (n, c, length) or (c, length).

    RuntimeError for other numbers of dimensions.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.functional.dropout1d(numpy.ones((1, 2, 4)), 1.0).sum().item()
    0.0
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: input must have 2 or 3 dimensions (got {input.ndim})")
    return _applied("dropout1d", input, p, training, inplace, axes=input.ndim - 1)


@explained
def dropout2d(
    input: TensorLike, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`feature_dropout` of images, shape (n, c, h, w).

    As in PyTorch, an input of 3 dimensions is taken as (n, c, length), with a warning; other
    numbers of dimensions also give a warning.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.functional.dropout2d(numpy.ones((1, 2, 4, 4)), 1.0).sum().item()
    0.0
    """
    if input.ndim != 4:
        advice = "use dropout1d" if input.ndim == 3 else "use dropout"
        warn(
            f"dropout2d: input should have 4 dimensions; the first two are taken as (n, c); "
            f"{advice} instead (got shape {input.shape})"
        )
    return _applied("dropout2d", input, p, training, inplace, axes=2)


@explained
def dropout3d(
    input: TensorLike, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`feature_dropout` of volumes, shape (n, c, d, h, w) or (c, d, h, w).

    As in PyTorch, other numbers of dimensions give a warning, and the first axis is taken as the
    channels.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.functional.dropout3d(numpy.ones((1, 2, 4, 4, 4)), 1.0).sum().item()
    0.0
    """
    if input.ndim not in (4, 5):
        warn(
            "dropout3d: input should have 4 or 5 dimensions; use dropout instead "
            f"(got shape {input.shape})"
        )
    return _applied("dropout3d", input, p, training, inplace, axes=2 if input.ndim == 5 else 1)


@explained
def alpha_dropout(
    input: TensorLike, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout for networks with SELU: it keeps mean 0 and variance 1.

    Random elements are replaced by the limit of SELU for large negative numbers, -1.7581, and all
    are scaled and shifted.

    Parameters
    ----------
    input : Tensor or ndarray of a float dtype, any shape
    p : float, default 0.5
        The probability that an element is replaced.
    training : bool, default False
        If False, `input` is returned unchanged.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        For the same reasons as in `dropout`.

    Examples
    --------
    >>> import cnet, numpy
    >>> _ = cnet.manual_seed(0)
    >>> x = numpy.random.default_rng(0).normal(size=100_000)
    >>> y = cnet.functional.alpha_dropout(x, 0.2, training=True)
    >>> round(abs(y.mean().item()), 1), round(y.std().item(), 1)
    (0.0, 1.0)

    References
    ----------
    G. Klambauer et al.: Self-normalizing neural networks, arXiv:1706.02515.
    """
    return _applied("alpha_dropout", input, p, training, inplace, number=_SATURATED)


@explained
def feature_alpha_dropout(
    input: TensorLike, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of random channels of an input of shape (n, c, ...).

    Parameters and errors are those of `alpha_dropout`; ValueError also if `input` has fewer than 2
    dimensions.

    Examples
    --------
    >>> import cnet, numpy
    >>> y = cnet.functional.feature_alpha_dropout(numpy.ones((1, 1000, 2)), 0.5, training=True)
    >>> numpy.unique(y, axis=1).shape
    (1, 2, 2)
    """
    return _applied("feature_alpha_dropout", input, p, training, inplace, 2, _SATURATED)
