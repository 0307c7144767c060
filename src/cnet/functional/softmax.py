"""Softmax and its logarithm."""

from operator import index
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import kernels, random
from .._explained import explained
from .._warning import warn
from ..autograd import Array, Context, Operation
from ..operations._common import also_dim
from ..operations._promotion import require_float
from ..operations.arithmetic import add, neg, sub
from ..operations.division import div
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]

DType = npt.DTypeLike | None


class Softmax(Operation[Tensor]):
    """Softmax, and its logarithm as `LogSoftmax`."""

    logarithm: ClassVar[bool] = False

    @classmethod
    def compute(cls, x: Array, *, axis: int) -> Any:
        if x.ndim and x.itemsize > 2:
            return kernels.softmax(x, cls.logarithm, axis)
        return cls.forward(Context(cls, (None,)), x, axis=axis)

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, axis: int) -> Any:
        ctx.axis = axis
        if x.ndim and x.itemsize > 2:
            y = kernels.softmax(x, cls.logarithm, axis)
            ctx.save_for_backward(y)
            return y
        rows = np.atleast_1d(x if x.itemsize > 2 else x.astype(np.float32))
        y = kernels.softmax(rows, cls.logarithm, axis).reshape(x.shape)
        ctx.save_for_backward(y)
        return y.astype(x.dtype, copy=False)

    @classmethod
    def backward(cls, ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        grads = np.atleast_1d(grad.astype(y.dtype, copy=False))
        dx = kernels.softmax_backward(grads, np.atleast_1d(y), cls.logarithm, ctx.axis)
        return dx.reshape(y.shape)


def _arguments(
    function: str, x: TensorLike, axis: int | None, stacklevel: int, dtype: DType
) -> tuple[TensorLike, int]:
    """Check the arguments; return the converted input and the axis."""
    if not isinstance(stacklevel, int):  # `torch.softmax` has the dtype in this place
        dtype = stacklevel
    if dtype is not None:
        x = as_tensor(x, dtype)
    require_float(function, x)
    ndim = x.ndim
    if axis is None:
        axis = 0 if ndim in (0, 1, 3) else 1
        warn(f"{function}: the implicit choice of dim is deprecated; use dim={axis}")
    reach = ndim or 1
    if not -reach <= index(axis) < reach:
        raise np.exceptions.AxisError(axis, ndim, function)
    return x, axis


@operation(Softmax, methods=("softmax",))
@also_dim
def softmax(
    input: TensorLike, dim: int | None = None, _stacklevel: int = 3, dtype: DType = None
) -> Tensor:
    r"""Positive numbers that add up to 1: :math:`y_i = e^{x_i} / \sum_j e^{x_j}`.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    dim : int, optional
        The axis along which numbers add up to 1; `axis` is another name of this argument. If it is
        not given, a warning is issued and, as in PyTorch, the axis is 0 for inputs of 0, 1 or 3
        dimensions, and 1 otherwise.
    dtype : dtype, optional
        The dtype to which `input` is converted first.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, and no float dtype is given.
    ValueError
        If the axis is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.softmax(cnet.tensor([[1.0, 1.0], [0.0, 1000.0]]), dim=1)
    tensor([[0.5, 0.5],
            [0. , 1. ]])
    """
    input, axis = _arguments("softmax", input, dim, _stacklevel, dtype)
    return Softmax.apply(input, axis=axis)


class LogSoftmax(Softmax):
    logarithm = True


@operation(LogSoftmax, methods=("log_softmax",))
@also_dim
def log_softmax(
    input: TensorLike, dim: int | None = None, _stacklevel: int = 3, dtype: DType = None
) -> Tensor:
    r"""The logarithm of `softmax`: :math:`y_i = x_i - \log \sum_j e^{x_j}`.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    dim : int, optional
        The axis along which the exponentials add up to 1; `axis` is another name of this argument.
        If it is not given, a warning is issued and, as in PyTorch, the axis is 0 for inputs of 0, 1
        or 3 dimensions, and 1 otherwise.
    dtype : dtype, optional
        The dtype to which `input` is converted first.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, and no float dtype is given.
    ValueError
        If the axis is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.log_softmax(cnet.tensor([[1.0, 1.0], [0.0, 1000.0]]), dim=1)
    tensor([[-6.9315e-01, -6.9315e-01],
            [-1.0000e+03,  0.0000e+00]])
    """
    input, axis = _arguments("log_softmax", input, dim, _stacklevel, dtype)
    return LogSoftmax.apply(input, axis=axis)


@also_dim
def softmin(
    input: TensorLike, dim: int | None = None, _stacklevel: int = 3, dtype: DType = None
) -> Tensor:
    """The `softmax` of the negative numbers, ``softmax(-input)``.

    Parameters
    ----------
    input, dim, dtype
        As in `softmax`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.softmin(cnet.tensor([0.0, 1000.0]), dim=0)
    tensor([1., 0.])
    """
    input, axis = _arguments("softmin", input, dim, _stacklevel, dtype)
    return Softmax.apply(neg(input), axis=axis)


@explained
def gumbel_softmax(
    logits: TensorLike, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Sample from the Gumbel-softmax distribution.

    Parameters
    ----------
    logits : Tensor or ndarray of floats, any shape
        Logarithms of probabilities that need not add up to 1.
    tau : float, default 1
        The temperature; must be positive. The lower it is, the closer a sample is to a one-hot
        vector.
    hard : bool, default False
        Return one-hot vectors, with the gradient of the samples that they are made from.
    eps : float
        Not used, as in PyTorch.
    dim : int, default -1
        The axis along which samples add up to 1.

    Returns
    -------
    Tensor
        In the shape and dtype of `logits`. The random numbers come from the generator that
        `cnet.manual_seed` seeds.

    Raises
    ------
    TypeError
        If `logits` has a boolean or integer dtype.
    ValueError
        If `tau` is not positive, or `dim` is out of range.

    References
    ----------
    E. Jang, S. Gu, B. Poole: Categorical reparameterization with Gumbel-softmax, ICLR 2017.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.gumbel_softmax(cnet.tensor([0.0, 1000.0]), hard=True)
    tensor([0., 1.])
    """
    logits, _ = _arguments("gumbel_softmax", logits, dim, 1, None)
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be positive (got {tau})")
    noise = -np.log(random.default_generator().exponential(size=logits.shape))
    y: Tensor = Softmax.apply(div(add(logits, noise.astype(logits.dtype)), tau), axis=dim)
    if not hard:
        return y
    samples = np.atleast_1d(y.detach()._array)
    chosen = np.zeros_like(samples)
    if chosen.size:
        np.put_along_axis(chosen, samples.argmax(dim, keepdims=True), 1, dim)
    chosen = chosen.reshape(y.shape)
    return add(sub(chosen, y.detach()), y)
