"""A graph of tensors made by `Op.apply`, and a printer that shows it.

Everything is float32. An operation is a subclass of `Op` with ``forward(ctx, ...)`` and
``backward(ctx, grad_output)``, which take and return arrays; users can define more of them. A
tensor that requires a gradient stores ``grad_fn = (op, ctx, inputs)``.

Differences from common code in this style:

- either operand of an operator may be a number or an array, also of ``a / b``;
- `Pow` reduces gradients to the shapes of its inputs; the gradient of the exponent is 0 where the
  base is not positive;
- `Sum` also takes `axis` and `keepdims` by name; `MatMul` takes arrays of any number of dimensions;
- no probability of `Softmax` is below 2**-100, so that its logarithm is finite and the gradient of
  ``NLLLoss(Log(Softmax(x)))`` is correct;
- a second `backward` over parts of the same graph adds to the gradients of leaves only; the
  gradient of any other tensor is that of the last `backward`.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import kernels
from .._explained import explain_module
from ..arrays import FLOAT32, Array
from ._arrays import axes, floats, numbers, same_shape

GradFn: TypeAlias = "tuple[type[Op], Context, tuple[Any, ...]]"

FLOOR = np.float32(2.0**-100)


class Context:
    """Stores values of `forward` for `backward`."""

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()
    """For each input of `apply`, whether its gradient is needed."""

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors


class Op:
    """An operation and its derivative.

    Examples
    --------
    >>> from cnet.dropin.op import Op, Tensor
    >>> class Square(Op):
    ...     @staticmethod
    ...     def forward(ctx, a):
    ...         ctx.save_for_backward(a)
    ...         return a * a
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (a,) = ctx.saved_tensors
    ...         return 2 * a * grad_output
    >>> x = Tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> print(x.grad)
    6.0
    """

    @staticmethod
    def forward(ctx: Context, *args: Any, **options: Any) -> Any:
        """The result, from arrays."""
        raise NotImplementedError("an Op needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        """The gradient of the input, or a tuple with one for each input; None for no gradient."""
        raise NotImplementedError("an Op needs a static method backward(ctx, grad_output)")

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> "Tensor":
        """Call `forward` with the arrays of `inputs`; record the call if one needs a gradient."""
        ctx = Context()
        ctx.needs_input_grad = tuple([isinstance(x, Tensor) and x.requires_grad for x in inputs])
        out = Tensor(cls.forward(ctx, *map(_raw, inputs), **options))
        out.requires_grad = any(ctx.needs_input_grad)
        if out.requires_grad:
            out.grad_fn = (cls, ctx, inputs)
        return out


def _raw(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _array(function: str, name: str, x: Any) -> Array:
    return floats(function, name, x, FLOAT32)


def reduce_grad_to_shape(grad: Any, shape: Sequence[int]) -> Any:
    """Sum a gradient over the axes along which an input of this shape was broadcast."""
    grad = np.asarray(grad)
    leading = tuple(range(grad.ndim - len(shape)))
    grad = grad.sum(axis=leading) if leading else grad
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and grad.shape[i] != 1)
    return grad.sum(axis=stretched, keepdims=True) if stretched else grad


class Add(Op):
    """a + b, broadcast."""

    @staticmethod
    def forward(ctx: Context, a: Any, b: Any) -> Any:
        a, b = _array("Add", "a", a), _array("Add", "b", b)
        ctx.save_for_backward(a.shape, b.shape)
        return a + b

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        return tuple(reduce_grad_to_shape(grad_output, shape) for shape in ctx.saved_tensors)


class Mul(Op):
    """a * b, broadcast."""

    @staticmethod
    def forward(ctx: Context, a: Any, b: Any) -> Any:
        a, b = _array("Mul", "a", a), _array("Mul", "b", b)
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        a, b = ctx.saved_tensors
        return (
            reduce_grad_to_shape(b * grad_output, a.shape),
            reduce_grad_to_shape(a * grad_output, b.shape),
        )


class MatMul(Op):
    """a @ b, as `numpy.matmul`."""

    @staticmethod
    def forward(ctx: Context, a: Any, b: Any) -> Any:
        a, b = _array("MatMul", "a", a), _array("MatMul", "b", b)
        ctx.save_for_backward(a, b)
        return kernels.matmul(a, b)

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        a, b = ctx.saved_tensors
        rows, columns = np.atleast_2d(a), b[:, np.newaxis] if b.ndim == 1 else b
        grad = np.asarray(grad_output)
        grad = grad[..., np.newaxis] if b.ndim == 1 else grad
        grad = grad[..., np.newaxis, :] if a.ndim == 1 else grad
        grad_a = grad_b = None
        if ctx.needs_input_grad[0]:
            grad_a = kernels.matmul(grad, columns.swapaxes(-1, -2))
            grad_a = reduce_grad_to_shape(grad_a, rows.shape).reshape(a.shape)
        if ctx.needs_input_grad[1]:
            grad_b = kernels.matmul(rows.swapaxes(-1, -2), grad)
            grad_b = reduce_grad_to_shape(grad_b, columns.shape).reshape(b.shape)
        return grad_a, grad_b


class Pow(Op):
    """a ** b, broadcast."""

    @staticmethod
    def forward(ctx: Context, a: Any, b: Any) -> Any:
        a, b = _array("Pow", "a", a), _array("Pow", "b", b)
        ctx.save_for_backward(a, b)
        return a**b

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        a, b = ctx.saved_tensors
        slope = np.where(b == 0, 0, b * np.where(b == 0, 1, a) ** np.where(b == 0, 1, b - 1))
        log = np.log(np.where(a > 0, a, 1))
        return (
            reduce_grad_to_shape(grad_output * slope, a.shape),
            reduce_grad_to_shape(grad_output * np.where(a > 0, a, 0) ** b * log, b.shape),
        )


class Sum(Op):
    """The sum over `axis`, or over all axes."""

    @staticmethod
    def forward(ctx: Context, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        a, axis = _array("Sum", "a", a), axes(axis)
        ctx.save_for_backward(a.shape, axis, keepdims)
        return a.sum(axis=axis, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        shape, axis, keepdims = ctx.saved_tensors
        if axis is not None and not keepdims:
            grad_output = np.expand_dims(grad_output, axis)
        return np.broadcast_to(grad_output, shape)


class ReLU(Op):
    """max(a, 0)."""

    @staticmethod
    def forward(ctx: Context, a: Any) -> Any:
        a = _array("ReLU", "a", a)
        ctx.save_for_backward(a)
        return np.maximum(a, 0)

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        (a,) = ctx.saved_tensors
        return (a > 0) * grad_output


class Log(Op):
    """The natural logarithm."""

    @staticmethod
    def forward(ctx: Context, x: Any) -> Any:
        x = _array("Log", "x", x)
        ctx.save_for_backward(x)
        return np.log(x)

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grad_output / x


class Softmax(Op):
    """The softmax along the last axis; no probability is below 2**-100."""

    @staticmethod
    def forward(ctx: Context, logits: Any) -> Any:
        logits = _array("Softmax", "logits", logits)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probs = np.maximum(powers / powers.sum(axis=-1, keepdims=True), FLOOR)
        ctx.save_for_backward(probs)
        return probs

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        (probs,) = ctx.saved_tensors
        weighted = probs * grad_output
        return weighted - probs * weighted.sum(axis=-1, keepdims=True)


class _RowLoss(Op):
    """The mean over rows of ``-sum(targets * log_probs)``; subclasses compute `log_probs`."""

    @staticmethod
    def mean(name: str, ctx: Context, log_probs: Array, targets: Any) -> Any:
        targets = _array(name, "targets", targets)
        if log_probs.ndim > 2:
            raise ValueError(f"{name}: scores must have 1 or 2 dimensions (got {log_probs.ndim})")
        same_shape(name, "targets", targets.shape, "scores.shape", log_probs.shape)
        losses = -np.sum(targets * log_probs, axis=-1)
        ctx.save_for_backward(log_probs, targets, np.size(losses))
        return np.mean(losses)


class CrossEntropyLoss(_RowLoss):
    """The mean over rows of ``-sum(targets * log(softmax(logits)))``, for one-hot targets."""

    @staticmethod
    def forward(ctx: Context, logits: Any, targets: Any) -> Any:
        logits = _array("CrossEntropyLoss", "logits", logits)
        shifted = logits - logits.max(axis=-1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return _RowLoss.mean("CrossEntropyLoss", ctx, log_probs, targets)

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        log_probs, targets, rows = ctx.saved_tensors
        share = grad_output / rows
        total = targets.sum(-1, keepdims=True)
        return share * (total * np.exp(log_probs) - targets), -share * log_probs


class NLLLoss(_RowLoss):
    """The mean over rows of ``-sum(targets * log_probs)``, for one-hot targets."""

    @staticmethod
    def forward(ctx: Context, log_probs: Any, targets_one_hot: Any) -> Any:
        log_probs = _array("NLLLoss", "log_probs", log_probs)
        return _RowLoss.mean("NLLLoss", ctx, log_probs, targets_one_hot)

    @staticmethod
    def backward(ctx: Context, grad_output: Any) -> Any:
        log_probs, targets, rows = ctx.saved_tensors
        share = grad_output / rows
        return -share * targets, -share * log_probs


class Tensor:
    """A float32 array with a place in the graph.

    Parameters
    ----------
    data : array_like or Tensor
        Copied.
    requires_grad : bool, default False

    Attributes
    ----------
    data : ndarray of float32
    grad : ndarray or None
        After `backward`.
    grad_fn : (Op subclass, Context, inputs) or None
        The call that computed the tensor; None for a leaf.

    Examples
    --------
    >>> from cnet.dropin.op import ReLU, Tensor
    >>> x, w, b = (Tensor(value, requires_grad=True) for value in (2.0, 3.0, -4.0))
    >>> ReLU.apply(x * w + b).backward()
    >>> print(x.grad, w.grad, b.grad)
    3.0 2.0 1.0
    """

    __array_ufunc__ = None  # so that `array * tensor` calls __rmul__

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data: Array = np.array(numbers("Tensor", "data", _raw(data)), dtype=np.float32)
        self.requires_grad = requires_grad
        self.grad: Array | None = None
        self.grad_fn: GradFn | None = None

    def __add__(self, other: Any) -> "Tensor":
        return Add.apply(self, other)

    def __radd__(self, other: Any) -> "Tensor":
        return Add.apply(other, self)

    def __sub__(self, other: Any) -> "Tensor":
        return Add.apply(self, Mul.apply(other, Tensor(-1.0)))

    def __rsub__(self, other: Any) -> "Tensor":
        return Add.apply(other, Mul.apply(self, Tensor(-1.0)))

    def __mul__(self, other: Any) -> "Tensor":
        return Mul.apply(self, other)

    def __rmul__(self, other: Any) -> "Tensor":
        return Mul.apply(other, self)

    def __truediv__(self, other: Any) -> "Tensor":
        return Mul.apply(self, Pow.apply(other, Tensor(-1.0)))

    def __rtruediv__(self, other: Any) -> "Tensor":
        return Mul.apply(other, Pow.apply(self, Tensor(-1.0)))

    def __matmul__(self, other: Any) -> "Tensor":
        return MatMul.apply(self, other)

    def __rmatmul__(self, other: Any) -> "Tensor":
        return MatMul.apply(other, self)

    def __pow__(self, exponent: Any) -> "Tensor":
        return Pow.apply(self, exponent)

    def __rpow__(self, base: Any) -> "Tensor":
        return Pow.apply(base, self)

    def __neg__(self) -> "Tensor":
        return Mul.apply(self, Tensor(-1.0))

    def __repr__(self) -> str:
        return f"Tensor(data={self.data}, grad={self.grad}, requires_grad={self.requires_grad})"

    @staticmethod
    def zeros(shape: Any, requires_grad: bool = False) -> "Tensor":
        return Tensor(np.zeros(shape, np.float32), requires_grad)

    @staticmethod
    def ones(shape: Any, requires_grad: bool = False) -> "Tensor":
        return Tensor(np.ones(shape, np.float32), requires_grad)

    def backward(self, grad_output: Any = None) -> None:
        """Add the gradient of each leaf to its `grad`, and set `grad` of the other tensors.

        Parameters
        ----------
        grad_output : array_like, optional
            The gradient of this tensor; 1 by default if the tensor is a single number.

        Raises
        ------
        RuntimeError
            If the tensor does not require a gradient, or `grad_output` is missing and the tensor
            is not a single number.
        ValueError
            If a gradient does not have the shape of its tensor.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: the tensor must require grad")
        if grad_output is None:
            if self.data.size != 1:
                raise RuntimeError(
                    "backward: grad_output must be given unless the tensor is a single number "
                    f"(got shape {self.data.shape})"
                )
            grad_output = np.ones_like(self.data)
        order = [tensor for tensor in trace_graph(self) if tensor.requires_grad]
        for tensor in order:
            if tensor.grad_fn is not None:
                tensor.grad = None
        self._accumulate(grad_output, "backward: grad_output")
        for tensor in reversed(order):
            if tensor.grad_fn is not None and tensor.grad is not None:
                _propagate(tensor.grad_fn, tensor.grad)

    def _accumulate(self, gradient: Any, name: str) -> None:
        gradient = np.array(gradient, dtype=np.float32)
        if gradient.shape != self.data.shape:
            raise ValueError(
                f"{name} must have the shape of the tensor "
                f"(got {gradient.shape} and {self.data.shape})"
            )
        self.grad = gradient if self.grad is None else self.grad + gradient


def _propagate(grad_fn: GradFn, gradient: Array) -> None:
    op, ctx, inputs = grad_fn
    gradients = op.backward(ctx, gradient)
    if not isinstance(gradients, tuple):
        gradients = (gradients,)
    for x, grad in zip(inputs, gradients, strict=False):  # options have no gradient
        if isinstance(x, Tensor) and x.requires_grad and grad is not None:
            x._accumulate(grad, f"{op.__name__}.backward: a gradient")


def trace_graph(root: Tensor) -> list[Tensor]:
    """All tensors that `root` was computed from, and `root`: each after its own inputs."""
    seen: set[Tensor] = set()
    order: list[Tensor] = []
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        tensor, complete = stack.pop()
        if complete:
            order.append(tensor)
        elif isinstance(tensor, Tensor) and tensor not in seen:
            seen.add(tensor)
            stack.append((tensor, True))
            if tensor.grad_fn is not None:
                stack.extend((x, False) for x in reversed(tensor.grad_fn[2]))
    return order


def _short_id(tensor: Tensor) -> str:
    return hex(id(tensor))[-5:]


def _node_name(tensor: Tensor) -> str:
    shape = tuple(tensor.data.shape)
    if tensor.grad_fn is None:
        return f"Leaf(shape={shape}, requires_grad={tensor.requires_grad})"
    return f"{tensor.grad_fn[0].__name__}(out_shape={shape})"


def print_autograd_graph(root: Tensor) -> None:
    """Print the graph, one line for each input of each tensor, and the order of `backward`."""
    order = trace_graph(root)
    print("=== Autograd Graph (parents -> node) ===")
    for tensor in order:
        node = f"[{_short_id(tensor)}] {_node_name(tensor)}"
        if tensor.grad_fn is None:
            print(node)
            continue
        op, _, inputs = tensor.grad_fn
        for x in inputs:
            source = (
                f"[{_short_id(x)}] {_node_name(x)}" if isinstance(x, Tensor) else f"[const {x}]"
            )
            print(f"{source} --{op.__name__}--> {node}")
    print("\n=== Backward visit order (reverse topological) ===")
    for tensor in reversed(order):
        print(f"[{_short_id(tensor)}] {_node_name(tensor)}")


explain_module(__name__)
