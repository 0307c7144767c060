"""Products and quotients added to a tensor, and linear interpolation."""

from typing import Any

import numpy as np

from ..autograd import Array
from ..autograd.inplace import apply_in_place
from ..tensor import Number, Operand, Tensor, TensorLike
from ._common import also_numbers_first, weak
from ._elementwise import by_kernel, define, direct
from ._promotion import common_number, only_floats
from .reductions import times_quotient
from .registry import operation

__all__ = ["addcdiv", "addcmul", "lerp"]


_product = by_kernel("product")(lambda g, c: g * c)


@by_kernel("addcmul")
def _addcmul(a: Array, b: Array, c: Array, value: Number) -> Any:
    if a.dtype.kind != "f" and int(value) != value:
        raise TypeError(f"addcmul: value must be an integer for integer operands (got {value})")
    return a + a.dtype.type(value) * (b * c)


AddCMul = define(
    "addcmul",
    _addcmul,
    lambda g: g,
    direct(lambda g, c, value: _product(g, _product(c, value))),
    direct(lambda g, b, value: _product(g, _product(b, value))),
    promote=common_number,
)


@operation(AddCMul, methods=("addcmul",))
@also_numbers_first("value")
def addcmul(
    input: TensorLike,
    tensor1: TensorLike,
    tensor2: TensorLike,
    *,
    value: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """The sum ``input + value * tensor1 * tensor2``.

    Parameters
    ----------
    input, tensor1, tensor2 : Tensor or ndarray of numbers
        Operands whose shapes broadcast.
    value : number, default 1
        A factor; must be an integer if all operands are integers.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If the operands are boolean, or integers and `value` is not.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> cnet.addcmul(x, x, x, value=0.5)
    tensor([1.5, 4. ])
    """
    return AddCMul.apply(input, tensor1, tensor2, value=value)


@operation(methods=("addcmul_",))
@also_numbers_first("value")
def addcmul_(x: Tensor, tensor1: TensorLike, tensor2: TensorLike, *, value: Number = 1) -> Tensor:
    """Like `addcmul`, but in place."""
    result: Tensor = apply_in_place(AddCMul, x, tensor1, tensor2, value=value)
    return result


AddCDiv = define(
    "addcdiv",
    by_kernel("addcdiv")(lambda a, b, c, value: a + value * (b / c)),
    lambda g: g,
    direct(lambda g, c, value: times_quotient(g, value, c)),
    direct(lambda g, b, c, value: times_quotient(g, _product(b, -value), _product(c, c))),
    promote=only_floats,
)


@operation(AddCDiv, methods=("addcdiv",))
@also_numbers_first("value")
def addcdiv(
    input: TensorLike,
    tensor1: TensorLike,
    tensor2: TensorLike,
    *,
    value: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """The sum ``input + value * tensor1 / tensor2``.

    Parameters
    ----------
    input, tensor1, tensor2 : Tensor or ndarray of floats
        Operands whose shapes broadcast.
    value : number, default 1
        A factor.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If no operand has a float dtype.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> cnet.addcdiv(x, x, cnet.tensor([4.0, 1.0]), value=2)
    tensor([1.5, 6. ])
    """
    return AddCDiv.apply(input, tensor1, tensor2, value=value)


@operation(methods=("addcdiv_",))
@also_numbers_first("value")
def addcdiv_(x: Tensor, tensor1: TensorLike, tensor2: TensorLike, *, value: Number = 1) -> Tensor:
    """Like `addcdiv`, but in place."""
    result: Tensor = apply_in_place(AddCDiv, x, tensor1, tensor2, value=value)
    return result


@by_kernel("lerp")
def _lerp(a: Array, b: Array, c: Array) -> Any:
    step = b - a
    return np.where(np.abs(c) < 0.5, a + c * step, b - step * (1 - c))


@direct
def _share_of_input(g: Array, c: Any) -> Any:
    return _product(g, 1 - c)


Lerp = define(
    "lerp",
    _lerp,
    _share_of_input,
    _product,
    lambda g, a, b: g * (b - a),
    promote=only_floats,
)


@operation(methods=("lerp",))
def lerp(
    input: TensorLike, end: TensorLike, weight: Operand, *, out: Tensor | None = None
) -> Tensor:
    """Linear interpolation, ``input + weight * (end - input)``.

    Parameters
    ----------
    input, end : Tensor or ndarray of floats, the same dtype
    weight : Tensor or ndarray of that dtype, or number
        0 gives `input`, 1 gives `end`. The shapes must broadcast.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape and the dtype of `input`.

    Raises
    ------
    TypeError
        If the dtypes differ, or are not floats.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.lerp(cnet.tensor([0.0, 1.0]), cnet.tensor([10.0, 2.0]), 0.25)
    tensor([2.5 , 1.25])
    """
    return Lerp.apply(*_of_one_dtype(input, end, weight))


@operation(methods=("lerp_",))
def lerp_(x: Tensor, end: TensorLike, weight: Operand) -> Tensor:
    """Like `lerp`, but in place."""
    result: Tensor = apply_in_place(Lerp, *_of_one_dtype(x, end, weight))
    return result


def _of_one_dtype(input: Any, end: Any, weight: Any) -> tuple[Any, Any, Any]:
    weight, dtype = weak(weight), input.dtype
    for name, operand in (("end", end), ("weight", weight)):
        other = getattr(operand, "dtype", dtype)
        if other is not dtype and other != dtype:
            raise TypeError(f"lerp: {name}.dtype must equal input.dtype (got {other} and {dtype})")
    return input, end, weight
