"""Functions of single elements."""

from functools import lru_cache
from operator import index

import numpy as np

from .. import _check, _core, geometry
from ..arrays import Array, Shape
from . import _memory
from ._dispatch import call
from ._strides import broadcast, pair, sizes_around

SAVED = _core.saved_by_operations
"""The array that the gradient of an operation needs: its argument ``x`` or its result ``y``."""

as_floats = _core.as_floats
"""The operands, given as a tuple, as arrays of one dtype, float32 or float64.

The first is an array, and Python numbers become arrays without dimensions. None for others.
"""


def _number(function: str, operation: str) -> int:
    if type(operation) is not str or operation not in _core.operations:
        known = ", ".join(sorted(_core.operations))
        raise ValueError(f"{function}: operation must be one of {known} (got {operation!r})")
    return _core.operations[operation]


def elementwise(
    x: Array, operation: str, a: float = 0.0, b: float = 0.0, out: Array | None = None
) -> Array:
    """Apply a function to every element of an array.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64.
    operation : str
        One of ``relu``, ``leaky_relu`` (slope `a`), ``threshold`` (`b` up to `a`), ``elu`` (α =
        `a`, positive numbers times `b`), ``celu`` (α = `a`), ``gelu``, ``gelu_tanh``, ``silu``,
        ``mish``, ``sigmoid``, ``logsigmoid``, ``softplus`` (β = `a`, threshold `b`), ``hardtanh``
        (from `a` to `b`), ``hardsigmoid``, ``hardswish``, ``hardshrink`` (λ = `a`), ``softshrink``
        (λ = `a`), ``tanhshrink``, ``softsign``, ``exp``, ``exp2``, ``expm1``, ``log``, ``log2``,
        ``log10``, ``log1p``, ``sqrt``, ``rsqrt``, ``reciprocal``, ``abs``, ``erf``, ``erfc``,
        ``erfinv``, ``tan``, ``asin``, ``acos``, ``atan``, ``sinh``, ``cosh``, ``tanh``, ``asinh``,
        ``acosh``, ``atanh``. They are defined as in PyTorch.
    a, b : float, default 0
        The parameters of the operation; operations without parameters ignore them.
    out : ndarray, shape and dtype of `x`, optional
        The array for the result, which may be `x`; C-contiguous and writable.

    Returns
    -------
    ndarray, shape of `x`
        Exponentials, logarithms, trigonometric and hyperbolic functions, their inverses, and
        ``erf`` have errors of at most 2 units in the last place in float32, and 4 in float64. There
        is no warning for infinite or NaN results.

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.
    ValueError
        If the operation does not exist, or `out` cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.elementwise(np.array([-1.0, 0.0, 2.0]), "gelu").round(4)
    array([-0.1587,  0.    ,  1.9545])
    >>> kernels.elementwise(np.array([-3.0, 0.5]), "hardtanh", -1, 1)
    array([-1. ,  0.5])
    """
    number = _number("elementwise", operation)
    x = _check.array("elementwise", "x", x)
    if out is None:
        out = _memory.empty(x.shape, x.dtype)
    elif out is not x:
        _check.writable("elementwise", "out", out)
        _check.same_shape("elementwise", "out", out.shape, "x.shape", x.shape)
        _check.same_dtype("elementwise", x=x, out=out)
    call("elementwise", x, out, number, float(a), float(b))
    return out


def elementwise_backward(
    grad_output: Array, saved: Array, operation: str, a: float = 0.0, b: float = 0.0
) -> Array:
    """Gradient of `elementwise`.

    Parameters
    ----------
    grad_output, saved : ndarray, the same shape and dtype
        `grad_output` is the gradient with respect to the result y of the operation. `saved` is y if
        the operation is ``relu``, ``sigmoid``, ``exp``, ``exp2``, ``expm1``, ``sqrt``, ``rsqrt``,
        ``reciprocal``, ``erfinv``, ``tan`` or ``tanh``, else its argument x; `SAVED` lists this.
    operation, a, b
        As in `elementwise`.

    Returns
    -------
    ndarray, the same shape
        At kinks, the gradient is 0 for ``relu``, ``hardtanh``, ``hardsigmoid`` and ``abs``, and `a`
        times `grad_output` for ``leaky_relu``.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or if the operation does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y = kernels.elementwise(np.array([0.0, 1.0]), "tanh")
    >>> kernels.elementwise_backward(np.ones(2), y, "tanh").round(4)
    array([1.  , 0.42])
    """
    function = "elementwise_backward"
    number = _number(function, operation)
    return _backward(function, grad_output, "saved", saved, number, float(a), float(b))


def relu(x: Array) -> Array:
    """``max(x, 0)``; NaN stays NaN.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    x = _check.array("relu", "x", x)
    y = _memory.empty(x.shape, x.dtype)
    call("elementwise", x, y, _RELU, 0.0, 0.0)
    return y


def relu_backward(grad_output: Array, y: Array) -> Array:
    """Gradient of `relu`, from its result: `grad_output` where ``y > 0``, else 0.

    Parameters
    ----------
    grad_output, y : ndarray, the same shape and dtype
        Gradient with respect to the result of `relu`, and that result.

    Returns
    -------
    ndarray, the same shape

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.relu_backward(np.array([3.0, 4.0]), np.array([0.0, 2.0]))
    array([0., 4.])
    """
    return _backward("relu_backward", grad_output, "y", y, _RELU, 0.0, 0.0)


def add(a: Array, b: Array, out: Array | None = None) -> Array:
    """The sum of two arrays of the same shape.

    Parameters
    ----------
    a, b : ndarray, the same shape and dtype
        Float32 or float64.
    out : ndarray, the same shape and dtype, optional
        The array for the result, which may be `a` or `b`; C-contiguous and writable.

    Returns
    -------
    ndarray, shape of `a`
        `out` if it is given.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or `out` cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.add(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([4., 6.])
    """
    a = _check.array("add", "a", a)
    b = _check.like("add", "b", b, "a", a)
    if out is None:
        out = _memory.empty(a.shape, a.dtype)
    else:
        _check.writable("add", "out", out)
        _check.same_shape("add", "out", out.shape, "a.shape", a.shape)
        _check.same_dtype("add", a=a, out=out)
    call("add", a, b, out)
    return out


def arithmetic(a: Array, b: Array, operation: str) -> Array:
    """The sum, difference, product or quotient of two arrays, which broadcast.

    Parameters
    ----------
    a, b : ndarray, the same dtype
        Float32 or float64.
    operation : str
        ``add``, ``sub``, ``mul`` or ``div``.

    Returns
    -------
    ndarray, in the broadcast shape
        There is no warning for infinite or NaN results.

    Raises
    ------
    TypeError
        If the dtypes differ or are not float dtypes.
    ValueError
        If the operation does not exist, or the shapes do not broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.arithmetic(np.array([[1.0], [2.0]]), np.array([3.0, 4.0]), "mul")
    array([[3., 4.],
           [6., 8.]])
    """
    f = "arithmetic"
    if type(operation) is not str or operation not in _core.arithmetic_operations:
        known = ", ".join(sorted(_core.arithmetic_operations))
        raise ValueError(f"{f}: operation must be one of {known} (got {operation!r})")
    a, b = _check.array(f, "a", a), _check.array(f, "b", b)
    _check.same_dtype(f, a=a, b=b)
    shape, g = _visited_together(a.shape, b.shape)
    y = _memory.empty(shape, a.dtype)
    if g is None:  # more axes than the kernel visits
        a, b = (np.ascontiguousarray(np.broadcast_to(x, shape)) for x in (a, b))
        g = pair((1, y.size), (0, 1), (0, 1))
    if y.size:
        call("arithmetic", a, b, y, g, _core.arithmetic_operations[operation])
    return y


@lru_cache(maxsize=256)
def _visited_together(a: Shape, b: Shape) -> tuple[Shape, tuple[int, ...] | None]:
    """The broadcast shape of two arrays, and how the kernel visits them."""
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        raise ValueError(f"arithmetic: shapes {a} and {b} do not broadcast") from None
    geometry.check_size("arithmetic", "the result", shape)
    return shape, pair((1, *shape), (0, *broadcast(a, shape)), (0, *broadcast(b, shape)))


def softmax(x: Array, logarithm: bool = False, axis: int = -1) -> Array:
    """Exponentials divided by their sum, along an axis.

    Parameters
    ----------
    x : ndarray, at least 1 dimension
        Float32 or float64.
    logarithm : bool, default False
        Compute the logarithm of the result, without overflow.
    axis : int, default -1
        The axis along which the results add up to 1.

    Returns
    -------
    ndarray, shape of `x`
        Where there is NaN or inf, or only −inf, along the axis, all results are NaN.

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.
    ValueError
        If `x` has no dimensions.
    IndexError
        If the axis is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.softmax(np.array([[0.0, 0.0], [0.0, 1000.0]]))
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    x = _check.array("softmax", "x", x)
    y = _memory.empty(x.shape, x.dtype)
    call("softmax", x, y, _around("softmax", "x", x.shape, axis), int(bool(logarithm)))
    return y


def softmax_backward(
    grad_output: Array, y: Array, logarithm: bool = False, axis: int = -1
) -> Array:
    """Gradient of `softmax`, from its result.

    Parameters
    ----------
    grad_output, y : ndarray, the same shape and dtype
        Gradient with respect to the result of `softmax`, and that result.
    logarithm, axis
        As in `softmax`.

    Returns
    -------
    ndarray, the same shape

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or there are no dimensions.
    IndexError
        If the axis is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.softmax_backward(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    array([ 0.25, -0.25])
    """
    f = "softmax_backward"
    y = _check.array(f, "y", y)
    grad_output = _check.like(f, "grad_output", grad_output, "y", y)
    dx = _memory.empty(y.shape, y.dtype)
    call(
        "softmax_backward", grad_output, y, dx, _around(f, "y", y.shape, axis), int(bool(logarithm))
    )
    return dx


@lru_cache(maxsize=1024)
def _around(function: str, name: str, shape: Shape, axis: int) -> tuple[int, int, int]:
    """The sizes before, along and after an axis."""
    if not shape:
        raise ValueError(f"{function}: {name} must have at least 1 dimension (got 0, shape ())")
    axis = index(axis)
    if not -len(shape) <= axis < len(shape):
        raise IndexError(f"{function}: axis must be in range for {shape} (got {axis})")
    return sizes_around(shape, axis)


_RELU = _core.operations["relu"]


def _backward(
    function: str, grad_output: Array, name: str, saved: Array, number: int, a: float, b: float
) -> Array:
    saved = _check.array(function, name, saved)
    grad_output = _check.like(function, "grad_output", grad_output, name, saved)
    dx = _memory.empty(saved.shape, saved.dtype)
    call("elementwise_backward", grad_output, saved, dx, number, a, b)
    return dx
