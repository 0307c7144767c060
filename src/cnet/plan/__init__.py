"""Inference: a network compiled into one call of C."""

from collections.abc import Callable

from .. import _check, runtime
from ..autograd import Array
from ..nn import Module
from .compiled import compiled_plan
from .lowering import lower
from .oracle import reference_plan


def compile(model: Module, example: Array) -> Callable[..., Array]:
    """A network for inference: one call of C from input to output.

    The network runs once on the example, and each of its operations becomes a step of the plan;
    what follows a convolution or a linear layer at once (batch normalisation, ReLU, 2×2
    max-pooling) becomes part of it. Weights are copied and laid out for the kernels: later changes
    of the model do not show. Control flow in Python is run once, now.

    Parameters
    ----------
    model : Module
        In `eval` mode, from one Tensor to one Tensor. It may consist of convolutions, linear
        layers, max and average pooling, batch normalisation, ReLU, LeakyReLU, sigmoid, tanh,
        softmax and log-softmax along the last axis, sums of two results, and whatever only reshapes
        or does nothing outside of training.
    example : ndarray, shape (n, ...)
        An input: its shape and dtype are those of the plan. Axis 0 counts the images, which the
        model treats independently of each other.

    Returns
    -------
    Plan
        A function ``plan(x, out=None)`` of an array with the shape and dtype of the example, that
        returns a new array, or `out`. It may be called from several threads at the same time, and
        after a fork. Its values are those of the model within rounding, the same bits for any
        number of threads; it keeps to the instruction set that is active now.

    Raises
    ------
    TypeError
        If the model has an operation that a plan does not know, or an argument has a wrong type.
    ValueError
        If a module is in training mode, or the example has no elements.

    Examples
    --------
    >>> import cnet, numpy
    >>> model = cnet.nn.Sequential(cnet.nn.Linear(3, 2), cnet.nn.ReLU()).eval()
    >>> x = numpy.ones((5, 3), numpy.float32)
    >>> plan = cnet.compile(model, x)
    >>> numpy.allclose(plan(x), model(x).detach())
    True
    """
    if not isinstance(model, Module):
        raise TypeError(f"compile: model must be a Module (got {type(model).__name__})")
    example = _check.array("compile", "example", example)
    if not 2 <= example.ndim <= 8 or example.size == 0:
        raise ValueError(
            "compile: example must have 2 to 8 dimensions and no empty one "
            f"(got shape {example.shape})"
        )
    for name, module in model.named_modules():
        if module.training:
            where = f"{name}: " if name else ""
            raise ValueError(
                f"compile: the model must be in eval mode ({where}{type(module).__name__} is in "
                "training mode)"
            )
    steps, result = lower(model, example)

    def normalise(x: Array, out: Array | None) -> tuple[Array, Array | None]:
        return _check.plan(x, out, example.shape, result.shape, example.dtype)

    make = reference_plan if runtime.reference_is_active() else compiled_plan
    return make(steps, result, example.shape, example.dtype, normalise)
