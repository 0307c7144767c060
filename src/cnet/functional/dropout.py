"""Dropout."""

from typing import Any

import numpy as np

from .. import random
from ..autograd import Array, Context, Operation
from ..inplace import apply_in_place
from ..operations._promotion import require_float
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["dropout"]


class Dropout(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, p: float) -> Any:
        kept = random.default_generator().random(x.shape, dtype=np.float32) >= p
        ctx.scale = 1 / (1 - p) if p < 1 else 0.0
        ctx.save_for_backward(kept)
        return x * kept * ctx.scale

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (kept,) = ctx.saved
        return grad * kept * ctx.scale


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
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1 (got {p})")
    if not training or p == 0:
        return as_tensor(input)
    require_float("dropout", input)
    return apply_in_place(Dropout, as_tensor(input), p=p) if inplace else Dropout.apply(input, p=p)
