"""What arrays the kernels accept: the only place that raises about arrays.

`kernels` and `reference` call the same function here for the same operation, so both raise the same
errors. A message names the function, the argument and both sides of the comparison that failed.

Layouts are normalised, never refused: a non-contiguous, misaligned or byte-swapped array is copied
to a C-contiguous native one; a contiguous array is passed on without a copy, also when it is
read-only. Values are never converted: other dtypes than float32 and float64, and mixtures of the
two, are a TypeError.
"""

from numbers import Real
from operator import index
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from . import geometry
from .geometry import Conv2d, Padding, Shape, Size2d, Window2d

Array: TypeAlias = npt.NDArray[Any]

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
UINT8 = np.dtype(np.uint8)
INT32 = np.dtype(np.int32)
INT64 = np.dtype(np.int64)


def array(function: str, name: str, x: Any, ndim: int | None = None) -> Array:
    """A float array as the kernels take it: C-contiguous, aligned, native byte order."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{function}: {name} must be a NumPy array (got {type(x).__name__})")
    if ndim is not None and x.ndim != ndim:
        raise ValueError(
            f"{function}: {name} must have {ndim} dimensions (got {x.ndim}, shape {x.shape})"
        )
    dtype = x.dtype
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        dtype = float_dtype(function, f"{name}.dtype", dtype)
    return _layout(function, name, x, dtype)


def float_dtype(function: str, name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 or float64, in native byte order."""
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise TypeError(f"{function}: {name} must be float32 or float64 (got {dtype})")
    return dtype.newbyteorder("=")


def integers(function: str, name: str, x: Any, ndim: int | None, dtype: np.dtype[Any]) -> Array:
    """An integer array in the dtype a kernel takes; values must fit into it."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{function}: {name} must be a NumPy array (got {type(x).__name__})")
    if ndim is not None and x.ndim != ndim:
        raise ValueError(
            f"{function}: {name} must have {ndim} dimensions (got {x.ndim}, shape {x.shape})"
        )
    if x.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name}.dtype must be an integer dtype (got {x.dtype})")
    if x.dtype != dtype and x.size and not np.can_cast(x.dtype, dtype):
        limits = np.iinfo(dtype)
        if x.min() < limits.min or x.max() > limits.max:
            raise ValueError(
                f"{function}: {name} must fit into {dtype} (got {x.min()} to {x.max()})"
            )
    return _layout(function, name, x, dtype)


def _layout(function: str, name: str, x: Array, dtype: np.dtype[Any]) -> Array:
    flags = x.flags
    if type(x) is np.ndarray and x.dtype is dtype and flags.c_contiguous and flags.aligned:
        return x
    geometry.check_size(function, name, x.shape)  # a broadcast view may be larger than memory
    return np.require(np.asarray(x), dtype, ["C", "A"])


def same_dtype(function: str, **arrays: Array | None) -> None:
    """All arrays that are given must have the dtype of the first."""
    first_name, first = next(iter(arrays.items()))
    assert first is not None
    dtype = first.dtype
    for name, other in arrays.items():
        if other is not None and other.dtype is not dtype and other.dtype != dtype:
            raise TypeError(
                f"{function}: {name}.dtype must equal {first_name}.dtype "
                f"(got {other.dtype} and {dtype})"
            )


def same_shape(function: str, name: str, got: Shape, other_name: str, expected: Shape) -> None:
    if got != expected:
        raise ValueError(
            f"{function}: {name}.shape must equal {other_name} (got {tuple(got)} and {expected})"
        )


def number(function: str, name: str, value: Any) -> None:
    if type(value) not in (float, int) and not isinstance(value, Real):
        raise TypeError(f"{function}: {name} must be a number (got {value!r})")


def int64(function: str, name: str, value: Any) -> None:
    limit = 2**63
    if not -limit <= geometry.integer(function, name, value) < limit:
        raise ValueError(f"{function}: {name} must fit into int64 (got {value!r})")


def shape4(function: str, name: str, shape: Any) -> Shape:
    """A shape (n, c, h, w) given by the user."""
    try:
        sizes = tuple(index(size) for size in shape)
    except TypeError:
        raise TypeError(f"{function}: {name} must be a sequence of ints (got {shape!r})") from None
    if len(sizes) != 4 or min(sizes) < 0:
        raise ValueError(f"{function}: {name} must be 4 sizes, none negative (got {sizes})")
    return sizes


def writable(function: str, name: str, x: Any) -> Array:
    """An array that a kernel updates in place: nothing may be copied, so nothing is normalised."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{function}: {name} must be a NumPy array (got {type(x).__name__})")
    dtype = x.dtype
    if dtype not in (FLOAT32, FLOAT64) or not dtype.isnative:
        raise TypeError(
            f"{function}: {name}.dtype must be native float32 or float64 (got {x.dtype.str})"
        )
    flags = x.flags
    if not (flags.c_contiguous and flags.aligned and flags.writeable):
        raise ValueError(
            f"{function}: {name} must be C-contiguous, aligned and writable to be updated in place"
        )
    return x


# One function per operation: its arrays, normalised, and its geometry.


def im2col(
    x: Any, kernel_size: Size2d, stride: Size2d, padding: Padding, dilation: Size2d
) -> tuple[Array, Window2d]:
    x = array("im2col", "x", x, 4)
    return x, geometry.window2d("im2col", x.shape, kernel_size, stride, padding, dilation)


def col2im(
    cols: Any, x_shape: Any, kernel_size: Size2d, stride: Size2d, padding: Padding, dilation: Size2d
) -> tuple[Array, Window2d]:
    cols = array("col2im", "cols", cols, 3)
    shape = shape4("col2im", "x_shape", x_shape)
    window = geometry.window2d("col2im", shape, kernel_size, stride, padding, dilation)
    same_shape("col2im", "cols", cols.shape, "(n, c*kh*kw, oh*ow)", window.cols_shape)
    return cols, window


ALGORITHMS = (
    "auto", "exact", "depthwise", "winograd", "pointwise", "direct", "fold", "product",
)  # fmt: skip


def conv2d(
    x: Any, weight: Any, bias: Any, stride: Size2d, padding: Padding, dilation: Size2d, groups: int,
    algorithm: str, f: str = "conv2d",
) -> tuple[Array, Array, Array | None, Conv2d]:  # fmt: skip
    _known_algorithm(f, algorithm)
    x = array(f, "x", x, 4)
    weight = array(f, "weight", weight, 4)
    g = geometry.conv2d(f, x.shape, weight.shape, stride, padding, dilation, groups)
    if bias is not None:
        bias = array(f, "bias", bias, 1)
        same_shape(f, "bias", bias.shape, "(weight.shape[0],)", (g.o,))
    same_dtype(f, x=x, weight=weight, bias=bias)
    return x, weight, bias, g


def conv2d_backward(
    grad_output: Any, x: Any, weight: Any, stride: Size2d, padding: Padding, dilation: Size2d,
    groups: int, needs: Any, algorithm: str,
) -> tuple[Array, Array, Array, Conv2d, tuple[bool, bool, bool]]:  # fmt: skip
    f = "conv2d_backward"
    _known_algorithm(f, algorithm)
    grad_output = array(f, "grad_output", grad_output, 4)
    x = array(f, "x", x, 4)
    weight = array(f, "weight", weight, 4)
    g = geometry.conv2d(f, x.shape, weight.shape, stride, padding, dilation, groups)
    same_shape(f, "grad_output", grad_output.shape, "(n, o, oh, ow)", g.y_shape)
    same_dtype(f, x=x, weight=weight, grad_output=grad_output)
    return grad_output, x, weight, g, _three(f, needs)


def _known_algorithm(f: str, algorithm: str) -> None:
    if algorithm not in ALGORITHMS:
        raise ValueError(
            f"{f}: algorithm must be one of {', '.join(ALGORITHMS)} (got {algorithm!r})"
        )


def unsuitable(f: str, algorithm: str, g: Conv2d) -> ValueError:
    """The error for an algorithm that cannot compute a convolution."""
    return ValueError(
        f"{f}: algorithm={algorithm!r} cannot compute this convolution "
        f"(got a {g.kh}x{g.kw} kernel, stride {(g.sh, g.sw)}, dilation {(g.dh, g.dw)}, "
        f"{g.g} groups, x {g.x_shape}); 'auto' and 'exact' can"
    )


def _three(f: str, needs: Any) -> tuple[bool, bool, bool]:
    if not isinstance(needs, (tuple, list)):
        raise TypeError(f"{f}: needs must be 3 booleans, for x, weight and bias (got {needs!r})")
    if len(needs) != 3:
        raise ValueError(f"{f}: needs must be 3 booleans, for x, weight and bias (got {needs})")
    return bool(needs[0]), bool(needs[1]), bool(needs[2])


def conv2d_relu_pool(
    x: Any, weight: Any, bias: Any, stride: Size2d, padding: Padding, dilation: Size2d, groups: int
) -> tuple[Array, Array, Array | None, Conv2d, Window2d]:
    f = "conv2d_relu_pool"
    x, weight, bias, g = conv2d(x, weight, bias, stride, padding, dilation, groups, "auto", f)
    return x, weight, bias, g, geometry.pool2d(f, g.y_shape, 2)


def conv2d_relu_pool_backward(
    grad_output: Any, codes: Any, x: Any, weight: Any, stride: Size2d, padding: Padding,
    dilation: Size2d, groups: int, needs: Any,
) -> tuple[Array, Array, Array, Array, Conv2d, tuple[bool, bool, bool]]:  # fmt: skip
    f = "conv2d_relu_pool_backward"
    grad_output = array(f, "grad_output", grad_output, 4)
    codes = integers(f, "codes", codes, 4, UINT8)
    x, weight, _, g = conv2d(x, weight, None, stride, padding, dilation, groups, "auto", f)
    window = geometry.pool2d(f, g.y_shape, 2)
    same_shape(f, "grad_output", grad_output.shape, "(n, o, oh / 2, ow / 2)", window.y_shape)
    same_shape(f, "codes", codes.shape, "grad_output.shape", grad_output.shape)
    same_dtype(f, x=x, weight=weight, grad_output=grad_output)
    return grad_output, codes, x, weight, g, _three(f, needs)


def relu_pool(x: Any) -> tuple[Array, Window2d]:
    f = "relu_pool"
    x = array(f, "x", x, 4)
    return x, geometry.pool2d(f, x.shape, 2)


def relu_pool_backward(grad_output: Any, codes: Any, x_shape: Any) -> tuple[Array, Array, Window2d]:
    f = "relu_pool_backward"
    grad_output = array(f, "grad_output", grad_output, 4)
    codes = integers(f, "codes", codes, 4, UINT8)
    window = geometry.pool2d(f, shape4(f, "x_shape", x_shape), 2)
    same_shape(f, "grad_output", grad_output.shape, "(n, c, h / 2, w / 2)", window.y_shape)
    same_shape(f, "codes", codes.shape, "grad_output.shape", grad_output.shape)
    return grad_output, codes, window


def max_pool2d(
    x: Any, kernel_size: Size2d, stride: Size2d | None, padding: Size2d, dilation: Size2d,
    ceil_mode: bool,
) -> tuple[Array, Window2d]:  # fmt: skip
    x = array("max_pool2d", "x", x, 4)
    return x, geometry.pool2d(
        "max_pool2d", x.shape, kernel_size, stride, padding, dilation, ceil_mode
    )


def max_pool2d_backward(
    grad_output: Any, argmax: Any, x_shape: Any
) -> tuple[Array, Array, Window2d]:
    """The window of the result only says which plane each argmax belongs to."""
    f = "max_pool2d_backward"
    grad_output = array(f, "grad_output", grad_output, 4)
    argmax = integers(f, "argmax", argmax, 4, INT32)
    n, c, h, w = shape4(f, "x_shape", x_shape)
    same_shape(f, "argmax", argmax.shape, "grad_output.shape", grad_output.shape)
    same_shape(f, "grad_output", grad_output.shape[:2], "x_shape[:2]", (n, c))
    geometry.check_size(f, "the result", (n, c, h, w))
    if h * w > geometry.MAX_PLANE:
        raise ValueError(f"{f}: x_shape must have at most {geometry.MAX_PLANE} pixels an image")
    oh, ow = grad_output.shape[2:]
    return grad_output, argmax, Window2d(n, c, h, w, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, oh, ow)


def argmax_range(argmax: Array, plane: int) -> ValueError:
    """The error for an argmax outside of its plane."""
    bad = argmax[(argmax < -1) | (argmax >= plane)]
    return ValueError(
        f"max_pool2d_backward: argmax must be at least -1 and less than "
        f"x_shape[2] * x_shape[3] "
        f"(got {bad[0]} and {plane})"
    )


def avg_pool2d(
    x: Any, kernel_size: Size2d, stride: Size2d | None, padding: Size2d, ceil_mode: bool,
    divisor_override: int | None,
) -> tuple[Array, Window2d]:  # fmt: skip
    x = array("avg_pool2d", "x", x, 4)
    _check_divisor("avg_pool2d", divisor_override)
    return x, geometry.pool2d("avg_pool2d", x.shape, kernel_size, stride, padding, 1, ceil_mode)


def avg_pool2d_backward(
    grad_output: Any, x_shape: Any, kernel_size: Size2d, stride: Size2d | None, padding: Size2d,
    ceil_mode: bool, divisor_override: int | None,
) -> tuple[Array, Window2d]:  # fmt: skip
    f = "avg_pool2d_backward"
    grad_output = array(f, "grad_output", grad_output, 4)
    shape = shape4(f, "x_shape", x_shape)
    _check_divisor(f, divisor_override)
    window = geometry.pool2d(f, shape, kernel_size, stride, padding, 1, ceil_mode)
    same_shape(f, "grad_output", grad_output.shape, "(n, c, oh, ow)", window.y_shape)
    return grad_output, window


def _check_divisor(function: str, divisor: int | None) -> None:
    if divisor is None:
        return
    int64(function, "divisor_override", divisor)
    if divisor == 0:
        raise ValueError(f"{function}: divisor_override must not be zero")


def matmul(a: Any, b: Any) -> tuple[Array, Array]:
    """Operands with at least one dimension; their strides are left as they are."""
    for name, x in (("a", a), ("b", b)):
        if not isinstance(x, np.ndarray):
            raise TypeError(f"matmul: {name} must be a NumPy array (got {type(x).__name__})")
        if x.ndim == 0:
            raise ValueError(f"matmul: {name} must have at least 1 dimension (got 0)")
        if x.dtype is not FLOAT32 and x.dtype is not FLOAT64:
            float_dtype("matmul", f"{name}.dtype", x.dtype)
    a, b = _native(a), _native(b)
    same_dtype("matmul", a=a, b=b)
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(
            f"matmul: a.shape[-1] must equal b.shape[{-1 if b.ndim == 1 else -2}] "
            f"(got {a.shape[-1]} and {inner})"
        )
    batch = () if a.ndim <= 2 and b.ndim <= 2 else _batch(a, b)
    geometry.check_size("matmul", "the result", (*batch, *a.shape[-2:-1], *b.shape[-1:]))
    return a, b


def _batch(a: Array, b: Array) -> Shape:
    try:
        return np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"matmul: a.shape[:-2] and b.shape[:-2] must broadcast "
            f"(got {a.shape[:-2]} and {b.shape[:-2]})"
        ) from None


def _native(x: Array) -> Array:
    dtype = x.dtype
    if (dtype is FLOAT32 or dtype is FLOAT64) and x.flags.aligned:
        return np.asarray(x)
    return np.require(np.asarray(x), dtype.newbyteorder("="), ["C", "A"])


def linear(x: Any, weight: Any, bias: Any) -> tuple[Array, Array, Array | None]:
    x = array("linear", "x", x)
    weight = array("linear", "weight", weight, 2)
    if x.ndim == 0:
        raise ValueError("linear: x must have at least 1 dimension (got 0)")
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x.shape[-1] must equal weight.shape[1] "
            f"(got {x.shape[-1]} and {weight.shape[1]})"
        )
    if bias is not None:
        bias = array("linear", "bias", bias, 1)
        same_shape("linear", "bias", bias.shape, "(weight.shape[0],)", weight.shape[:1])
    same_dtype("linear", x=x, weight=weight, bias=bias)
    geometry.check_size("linear", "the result", (*x.shape[:-1], weight.shape[0]))
    return x, weight, bias


def elementwise_backward(f: str, grad_output: Any, name: str, saved: Any) -> tuple[Array, Array]:
    grad_output, saved = array(f, "grad_output", grad_output), array(f, name, saved)
    same_shape(f, "grad_output", grad_output.shape, f"{name}.shape", saved.shape)
    same_dtype(f, **{name: saved, "grad_output": grad_output})
    return grad_output, saved


def _channels(f: str, x: Any, **vectors: Any) -> tuple[Any, ...]:
    """Images of any rank, and vectors with one number for each of their channels.

    Weight and bias may be None.
    """
    x = array(f, "x", x)
    if x.ndim < 2:
        raise ValueError(f"{f}: x must have at least 2 dimensions (got {x.ndim}, shape {x.shape})")
    for name, vector in vectors.items():
        if vector is not None or name not in ("weight", "bias"):
            vectors[name] = vector = array(f, name, vector, 1)
            same_shape(f, name, vector.shape, "(x.shape[1],)", x.shape[1:2])
    same_dtype(f, x=x, **vectors)
    return x, *vectors.values()


def batch_norm_stats(x: Any) -> Array:
    f = "batch_norm_stats"
    checked: Array = _channels(f, x)[0]
    shape = checked.shape
    if shape[0] == 0 or 0 in shape[2:]:
        raise ValueError(f"{f}: x must hold a number for every channel (got shape {shape})")
    return checked


def batch_norm(
    x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float
) -> tuple[Array, Array, Array, Array | None, Array | None]:
    f = "batch_norm"
    number(f, "eps", eps)
    return cast(
        tuple[Array, Array, Array, Array | None, Array | None],
        _channels(f, x, mean=mean, var=var, weight=weight, bias=bias),
    )


def batch_norm_backward(
    grad_output: Any, x: Any, mean: Any, var: Any, weight: Any, eps: float
) -> tuple[Array, Array, Array, Array, Array | None]:
    f = "batch_norm_backward"
    number(f, "eps", eps)
    x, mean, var, weight = _channels(f, x, mean=mean, var=var, weight=weight)
    grad_output = array(f, "grad_output", grad_output)
    same_shape(f, "grad_output", grad_output.shape, "x.shape", x.shape)
    same_dtype(f, x=x, grad_output=grad_output)
    return grad_output, x, mean, var, weight


def cross_entropy(
    f: str, logits: Any, target: Any, weight: Any, label_smoothing: float, ignore_index: int
) -> tuple[Array, Array, Array | None]:
    logits = array(f, "logits", logits, 2)
    target = integers(f, "target", target, 1, INT64)
    same_shape(f, "target", target.shape, "(logits.shape[0],)", logits.shape[:1])
    if weight is not None:
        weight = array(f, "weight", weight, 1)
        same_shape(f, "weight", weight.shape, "(logits.shape[1],)", logits.shape[1:])
    same_dtype(f, logits=logits, weight=weight)
    int64(f, "ignore_index", ignore_index)
    number(f, "label_smoothing", label_smoothing)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"{f}: label_smoothing must be between 0 and 1 (got {label_smoothing})")
    return logits, target, weight


def cross_entropy_backward(
    grad_losses: Any, logits: Any, target: Any, lse: Any, weight: Any, label_smoothing: float,
    ignore_index: int,
) -> tuple[Array, Array, Array, Array, Array | None]:  # fmt: skip
    f = "cross_entropy_backward"
    logits, target, weight = cross_entropy(f, logits, target, weight, label_smoothing, ignore_index)
    grad_losses = array(f, "grad_losses", grad_losses, 1)
    lse = array(f, "lse", lse, 1)
    same_shape(f, "grad_losses", grad_losses.shape, "target.shape", target.shape)
    same_shape(f, "lse", lse.shape, "target.shape", target.shape)
    same_dtype(f, logits=logits, grad_losses=grad_losses, lse=lse)
    return grad_losses, logits, target, lse, weight


def targets(f: str, target: Array, classes: int, ignore_index: int) -> ValueError:
    """The error for a target outside of the classes."""
    bad = target[(target != ignore_index) & ((target < 0) | (target >= classes))]
    return ValueError(
        f"{f}: target must be at least 0 and less than logits.shape[1] (got {bad[0]} and {classes})"
    )


def sgd_step(
    param: Any, grad: Any, momentum_buffer: Any, lr: float, momentum: float, dampening: float,
    weight_decay: float,
) -> tuple[Array, Array, Array | None]:  # fmt: skip
    f = "sgd_step"
    for name, value in (
        ("lr", lr), ("momentum", momentum), ("dampening", dampening),
        ("weight_decay", weight_decay),
    ):  # fmt: skip
        number(f, name, value)
    if momentum_buffer is None:
        if momentum != 0:
            raise ValueError(f"{f}: momentum_buffer must be given with momentum (got {momentum})")
        return (*_step(f, param, grad), None)  # type: ignore[return-value]
    return cast(tuple[Array, Array, Array], _step(f, param, grad, momentum_buffer=momentum_buffer))


def adam_step(
    param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float, step: int,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    f = "adam_step"
    for name, value in (
        ("lr", lr), ("beta1", beta1), ("beta2", beta2), ("eps", eps),
        ("weight_decay", weight_decay),
    ):  # fmt: skip
        number(f, name, value)
    int64(f, "step", step)
    if step < 1:
        raise ValueError(f"{f}: step must be at least 1 (got {step})")
    return cast(
        tuple[Array, Array, Array, Array],
        _step(f, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq),
    )


def _step(function: str, param: Any, grad: Any, **state: Any) -> tuple[Array, ...]:
    """Arrays of one optimizer step: all but `grad` are updated in place, all have one shape."""
    param = writable(function, "param", param)
    grad = array(function, "grad", grad)
    for name, x in state.items():
        writable(function, name, x)
    dtype, shape = param.dtype, param.shape
    arrays = (param, grad, *state.values())
    if [x for x in arrays if x.dtype is not dtype or x.shape != shape]:
        same_dtype(function, param=param, grad=grad, **state)
        same_shape(function, "grad", grad.shape, "param.shape", shape)
        for name, x in state.items():
            same_shape(function, name, x.shape, "param.shape", shape)
    return arrays


def plan(
    x: Any, out: Any, x_shape: Shape, y_shape: Shape, dtype: np.dtype[Any]
) -> tuple[Array, Array | None]:
    """The input of a plan, and an array for its result that shares no memory with it."""
    x = array("plan", "x", x)
    if x.dtype != dtype:
        raise TypeError(f"plan: x.dtype must equal the example's (got {x.dtype} and {dtype})")
    if x.shape != x_shape:
        raise ValueError(f"plan: x.shape must equal the example's (got {x.shape} and {x_shape})")
    if out is None:
        return x, None
    if type(out) is not np.ndarray:
        raise TypeError(f"plan: out must be a NumPy array (got {type(out).__name__})")
    if out.shape != y_shape or out.dtype is not dtype:
        raise ValueError(
            f"plan: out must have the result's shape and dtype (got {out.shape} {out.dtype} and "
            f"{y_shape} {dtype})"
        )
    if not (out.flags.carray and out.flags.aligned):
        raise ValueError("plan: out must be C-contiguous and writeable")
    return x.copy() if np.may_share_memory(x, out) else x, out
