"""Compiled inference: a network as one C call."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

import numpy as np

from .. import _check, runtime
from ..autograd import Array
from ..nn import Module
from .bfloat16 import Bfloat16
from .blocking import lay_out
from .branches import divide
from .calibration import Ranges, batches_of
from .compiled import compiled_plan
from .lowering import lower
from .narrowing import Format, narrow
from .optimized import as_by_torch
from .oracle import reference_plan
from .quantization import Int8

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


@overload
def compile(
    model: Module, example: Array, *, dtype: Any = None, calibration: Any = None,
    percentile: float = 100.0,
) -> Callable[..., Array]: ...  # fmt: skip
@overload
def compile(
    model: Compiled, *, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = None, mode: str | None = None, options: Any = None, disable: bool = False,
) -> Compiled: ...  # fmt: skip
@overload
def compile(
    *, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = None, mode: str | None = None, options: Any = None, disable: bool = False,
) -> Callable[[Compiled], Compiled]: ...  # fmt: skip
def compile(
    model: Any = None, example: Array | None = None, *, dtype: Any = None, calibration: Any = None,
    percentile: float = 100.0, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = None, mode: str | None = None, options: Any = None, disable: bool = False,
) -> Any:  # fmt: skip
    """Compile a network for inference into one C call for images of a fixed shape.

    The network runs once on the example, and each of its operations becomes a step of the plan.
    Batch normalisation, ReLU and 2×2 max-pooling become part of the convolution or linear layer
    directly before them. Weights are copied and laid out for the kernels, so later changes of the
    model have no effect. Python control flow is executed only once, during compilation.

    Without an example, nothing is compiled, and the result computes and trains as `model` does:
    code that calls ``torch.compile(model)`` runs unchanged.

    Parameters
    ----------
    model : Module
        In `eval` mode, with one Tensor as input and one as output. Supported operations are
        convolutions and transposed convolutions, linear layers, max, average and adaptive average
        pooling, interpolation, batch, layer, group and instance norm, the activations that have no
        weights, softmax and log-softmax along the last axis, arithmetic of results and constants,
        means over the last axes, padding with constants, slices, joining, reordering and
        reshaping, and layers that do nothing in `eval` mode.
        Without an example: any callable; or none, for use as a decorator with options.
    example : ndarray, shape (n, ...), optional
        An input with the shape and dtype of the plan's inputs. Axis 0 is the batch; the model must
        treat its images independently. The plan takes any number of images; it is planned for as
        many as the example has.
    dtype : None, "int8" or "bfloat16", default None
        The dtype of convolutions and linear layers; inputs and results of the plan are float32.
        ``"bfloat16"``: weights, and images between layers, are rounded to bfloat16, to the nearest,
        ties to even; sums are float32. Biases, batch normalisation, residual additions, and
        limits such as ReLU are computed in float32 before a result is rounded.
        ``"int8"``: each image between layers has one scale and zero point, weights have a scale for
        each output, and sums are exact.
        Layers that the kernels for these dtypes do not support are computed in float32;
        ``plan.profile(x)`` shows which they are: the names of the others begin with ``bfloat16`` or
        ``quantized``. None computes all steps in the dtype of the example.
    calibration : ndarray, Tensor or iterable of batches, default None
        Images for ``dtype="int8"``, with the shape of the example except for their number. The
        model runs on them once, and the ranges of its results become the scales. Batches may be
        arrays, tensors, or pairs of images and labels as those of a `DataLoader`.
    percentile : float, default 100
        More than 50, at most 100. The range of a result of a batch is from the percentile
        ``100 - percentile`` of its elements to `percentile`; 100 means all elements. Elements
        outside of it become the smallest or the largest integer; the others are rounded less.
    fullgraph, dynamic, backend, mode, options, disable : optional
        PyTorch's options, without an effect.

    Returns
    -------
    Plan
        A function ``plan(x, out=None)`` of an array with the dtype of the example, and with its
        shape except for the number of images. It returns a new array, or `out`. It may be called
        from several threads at the same time, and after a fork. Its results equal those of the
        model within rounding to `dtype`, and are identical, bit for bit, for every number of
        threads. It uses the instruction set that was active during compilation.
        ``plan.profile(x)`` lists the steps, each with the seconds that it takes.
        Without an example: a module that holds `model`, with the names of parameters that
        ``torch.compile`` gives them; a function is returned as it is.

    Raises
    ------
    TypeError
        If the model has an unsupported operation, an argument has a wrong type, or the example is
        not float32 for ``"int8"`` or ``"bfloat16"``.
    ValueError
        If a module is in training mode, or the example has no elements. If `calibration` is missing
        for ``"int8"``, is given for another dtype, has images of another shape or dtype, or makes
        results that are not finite. If `dtype`, `calibration` or `percentile` is given without an
        example.

    Examples
    --------
    >>> import cnet, numpy
    >>> model = cnet.nn.Sequential(cnet.nn.Linear(3, 2), cnet.nn.ReLU()).eval()
    >>> x = numpy.ones((5, 3), numpy.float32)
    >>> plan = cnet.compile(model, x)
    >>> numpy.allclose(plan(x), model(x).detach())
    True
    >>> plan = cnet.compile(model, x, dtype="bfloat16")
    >>> numpy.allclose(plan(x), model(x).detach(), atol=2**-6)
    True
    >>> model = cnet.compile(model)
    >>> model(x).shape
    (5, 2)
    """
    if example is None:
        if dtype is not None or calibration is not None or percentile != 100:
            raise ValueError("compile: dtype, calibration and percentile need an example")
        return as_by_torch(model)
    if not isinstance(model, Module):
        raise TypeError(f"compile: model must be a Module (got {type(model).__name__})")
    return _plan(model, example, dtype, calibration, percentile)


def _plan(
    model: Module, example: Array, dtype: Any, calibration: Any, percentile: float
) -> Callable[..., Array]:
    """Check the arguments of `compile`, and compile."""
    example = _check.array("compile", "example", example)
    if not 2 <= example.ndim <= 8 or example.size == 0:
        raise ValueError(
            "compile: example must have 2 to 8 dimensions, none of length 0 "
            f"(got shape {example.shape})"
        )
    for name, module in model.named_modules():
        if module.training:
            where = f"{name}: " if name else ""
            raise ValueError(
                f"compile: the model must be in eval mode ({where}{type(module).__name__} is in "
                "training mode)"
            )
    precision = _precision(dtype, example)
    batches = _calibration(precision, calibration, percentile, example)
    steps, result = lower(model, example)
    format: Format | None = None
    if precision == "int8":
        format = Int8(Ranges(batches, model, percentile).of)
    elif precision == "bfloat16":
        format = Bfloat16()
    if format:
        steps = narrow(steps, result, format)
    steps = divide(lay_out(steps, result, example.dtype), result)

    def normalise(x: Array, out: Array | None) -> tuple[Array, Array | None]:
        return _check.plan(x, out, example.shape, result.shape, example.dtype)

    make = reference_plan if runtime.reference_is_active() else compiled_plan
    return make(steps, result, example.shape, example.dtype, normalise)


DTYPES = "int8", "bfloat16"
"""The dtypes of plans, beside those of examples."""


def _precision(dtype: Any, example: Array) -> str | None:
    """The name of the dtype of a plan; None for that of the example."""
    name = dtype if dtype is None or isinstance(dtype, str) else np.dtype(dtype).name
    if name is not None and name not in DTYPES:
        raise ValueError(f"compile: dtype must be None, 'int8' or 'bfloat16' (got {dtype!r})")
    if name is not None and example.dtype != np.float32:
        raise TypeError(f"compile: dtype={name!r} needs a float32 example (got {example.dtype})")
    return name


def _calibration(
    dtype: str | None, calibration: Any, percentile: float, example: Array
) -> list[Array]:
    """The images for calibration of a plan of this dtype; none if it needs none."""
    if dtype != "int8":
        if calibration is not None:
            raise ValueError(f"compile: calibration is only for dtype='int8' (got dtype={dtype!r})")
        if percentile != 100:
            raise ValueError(f"compile: percentile is only for dtype='int8' (got dtype={dtype!r})")
        return []
    _check.number("compile", "percentile", percentile)
    if not 50 < percentile <= 100:
        raise ValueError(f"compile: percentile must be in (50, 100] (got {percentile})")
    return batches_of(calibration, example)
