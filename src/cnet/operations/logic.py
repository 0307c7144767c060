"""Logical operations, and operations on the bits of integers; their results have no gradient."""

# mypy: disable-error-code="empty-body"

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Operand, Tensor, TensorLike
from ._blocks import blockwise
from ._elementwise import direct, formula
from ._promotion import common, only_bits, only_integers
from ._sums import SMALL

__all__ = [
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "logical_and", "logical_not", "logical_or", "logical_xor",
]  # fmt: skip


def _logical(ufunc: np.ufunc, symbol: Callable[[Any, Any], Any]) -> Callable[[Array, Array], Any]:
    """A logical function; of many numbers, the operator on booleans, which is faster."""

    @direct
    def value(a: Array, b: Array) -> Any:
        if a.size <= SMALL:
            return ufunc(a, b)
        return blockwise(lambda a, b: symbol(_true(a), _true(b)), a, b)

    return value


def _true(x: Array) -> Any:
    """Whether elements are true or nonzero."""
    return x if x.dtype.kind == "b" else x != 0


@formula(_logical(np.logical_and, operator.and_), promote=common, numpy=(np.logical_and,))
def logical_and(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether both operands are true or nonzero.

    Examples
    --------
    >>> import cnet
    >>> cnet.logical_and(cnet.tensor([True, True]), cnet.tensor([True, False]))
    tensor([ True, False])
    """


@formula(_logical(np.logical_or, operator.or_), promote=common, numpy=(np.logical_or,))
def logical_or(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether an operand is true or nonzero.

    Examples
    --------
    >>> import cnet
    >>> cnet.logical_or(cnet.tensor([True, True]), cnet.tensor([True, False]))
    tensor([ True,  True])
    """


@formula(_logical(np.logical_xor, operator.xor), promote=common, numpy=(np.logical_xor,))
def logical_xor(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether exactly one operand is true or nonzero.

    Examples
    --------
    >>> import cnet
    >>> cnet.logical_xor(cnet.tensor([True, True]), cnet.tensor([True, False]))
    tensor([False,  True])
    """


@formula(np.logical_not, promote=common)
def logical_not(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are false or zero.

    Examples
    --------
    >>> import cnet
    >>> cnet.logical_not(cnet.tensor([True, False]))
    tensor([False,  True])
    """


@formula(
    np.bitwise_and,
    promote=only_bits,
    numbers="either",
    methods=("__and__",),
    reflected="__rand__",
    in_place=("__iand__",),
)
def bitwise_and(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The bits that both operands have.

    Examples
    --------
    >>> import cnet
    >>> cnet.bitwise_and(cnet.tensor([6, 5]), 3)
    tensor([2, 1])
    """


@formula(
    np.bitwise_or,
    promote=only_bits,
    numbers="either",
    methods=("__or__",),
    reflected="__ror__",
    in_place=("__ior__",),
)
def bitwise_or(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The bits that an operand has.

    Examples
    --------
    >>> import cnet
    >>> cnet.bitwise_or(cnet.tensor([6, 5]), 3)
    tensor([7, 7])
    """


@formula(
    np.bitwise_xor,
    promote=only_bits,
    numbers="either",
    methods=("__xor__",),
    reflected="__rxor__",
    in_place=("__ixor__",),
)
def bitwise_xor(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The bits that exactly one operand has.

    Examples
    --------
    >>> import cnet
    >>> cnet.bitwise_xor(cnet.tensor([6, 5]), 3)
    tensor([5, 6])
    """


@formula(np.invert, promote=only_bits, methods=("__invert__",))
def bitwise_not(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The bits that elements do not have.

    Examples
    --------
    >>> import cnet
    >>> cnet.bitwise_not(cnet.tensor([True, False]))
    tensor([False,  True])
    """


@formula(
    np.left_shift,
    promote=only_integers,
    numbers="either",
    methods=("__lshift__",),
    reflected="__rlshift__",
    in_place=("__ilshift__",),
)
def bitwise_left_shift(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input * 2**other``, for integers.

    Examples
    --------
    >>> import cnet
    >>> cnet.bitwise_left_shift(cnet.tensor([6, 5]), 1)
    tensor([12, 10])
    """


@formula(
    np.right_shift,
    promote=only_integers,
    numbers="either",
    methods=("__rshift__",),
    reflected="__rrshift__",
    in_place=("__irshift__",),
)
def bitwise_right_shift(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input // 2**other``, for integers.

    Examples
    --------
    >>> import cnet
    >>> cnet.bitwise_right_shift(cnet.tensor([6, 5]), 1)
    tensor([3, 2])
    """
