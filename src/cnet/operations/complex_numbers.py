"""Functions of complex numbers, for tensors that are real."""

from typing import Any

import numpy as np

from ..tensor import Tensor, TensorLike, array_of, as_tensor
from .comparison import isnan
from .creation import ones_like
from .masks import where
from .registry import operation

__all__ = [
    "angle", "conj", "conj_physical", "is_conj", "is_neg", "isreal", "real", "resolve_conj",
    "resolve_neg",
]  # fmt: skip


@operation(methods=("conj", "resolve_conj", "resolve_neg"))
def conj(input: TensorLike) -> Tensor:
    """The tensor itself, because it is real; also `resolve_conj`, `resolve_neg` and `real`.

    Examples
    --------
    >>> import cnet
    >>> cnet.conj(cnet.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return as_tensor(input)


resolve_conj = resolve_neg = real = conj


@operation(properties=("real",))
def _real(self: Tensor) -> Tensor:
    """The tensor itself, because it is real."""
    return self


@operation(methods=("conj_physical",), written=("conj_physical_",))
def conj_physical(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The same as `conj`.

    Examples
    --------
    >>> import cnet
    >>> cnet.conj_physical(cnet.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return as_tensor(input)


@operation(methods=("is_conj",))
def is_conj(input: TensorLike) -> bool:
    """Whether the tensor is a view of complex conjugates: always False.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_conj(cnet.ones(2))
    False
    """
    return False


@operation(methods=("is_neg",))
def is_neg(input: TensorLike) -> bool:
    """Whether the tensor is a view of negated elements: always False.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_neg(cnet.ones(2))
    False
    """
    return False


@operation(methods=("isreal",))
def isreal(input: TensorLike) -> Tensor:
    """Whether elements are real numbers: always True.

    Examples
    --------
    >>> import cnet
    >>> cnet.isreal(cnet.ones(2))
    tensor([ True,  True])
    """
    return ones_like(as_tensor(input), dtype=np.bool_)


@operation(methods=("angle",))
def angle(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The angles in the complex plane: π for negative numbers, and 0 otherwise.

    Examples
    --------
    >>> import cnet
    >>> cnet.angle(cnet.tensor([1.0, -2.0]))
    tensor([0.    , 3.1416])
    """
    x: Any = as_tensor(input)
    if array_of(x).dtype.kind != "f":
        x = x.float()
    return where(isnan(x), x, where(x < 0, np.pi, 0.0).to(x.dtype))
