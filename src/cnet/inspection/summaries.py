"""A table of the layers of a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

from .. import nn
from .._explained import explained
from .._tables import html_table, text_table
from ..autograd import no_grad
from ..nn import Module
from ..tensor import Tensor
from .layers import evaluation_mode, hooked, layers, tensors

Shape: TypeAlias = tuple[int, ...]

HEADER = "layer", "type", "output shape", "parameters", "multiply-adds", "output memory"


@dataclass(frozen=True)
class LayerSummary:
    """One call of a layer, for one sample.

    Attributes
    ----------
    name, type : str
        The name of the module in the model, and its class.
    output_shape : tuple of int
        Without the axis of samples; of the first tensor if there are several.
    parameters : int
        The number of its parameters; 0 in a further call of the same layer.
    multiply_adds : int
        The multiplications with its weights; 0 for layers that are not convolutions or linear.
    memory : int
        The bytes of its outputs.
    """

    name: str
    type: str
    output_shape: Shape
    parameters: int
    multiply_adds: int
    memory: int


@dataclass(frozen=True)
class Summary:
    """The layers of a model in the order of their calls; `str` and notebooks show a table.

    Attributes
    ----------
    layers : list of LayerSummary
    input_shapes : list of tuple of int
        The shapes of the inputs, without the axis of samples.
    parameters, trainable_parameters : int
        Of the whole model, also of layers that were not called.
    multiply_adds, memory : int
        The sums over all layers, for one sample.
    """

    layers: list[LayerSummary]
    input_shapes: list[Shape]
    parameters: int
    trainable_parameters: int
    multiply_adds: int
    memory: int

    def _rows(self) -> list[list[str]]:
        return [
            [
                layer.name,
                layer.type,
                _sizes(layer.output_shape),
                _grouped(layer.parameters),
                _grouped(layer.multiply_adds),
                _bytes(layer.memory),
            ]
            for layer in self.layers
        ]

    def _total(self) -> str:
        inputs = ", ".join(map(_sizes, self.input_shapes))
        frozen = self.parameters - self.trainable_parameters
        return (
            f"{_grouped(self.parameters)} parameters"
            + (f", {_grouped(frozen)} of them frozen" if frozen else "")
            + f"; for an input of {inputs}: {_grouped(self.multiply_adds)} multiply-adds, "
            f"{_bytes(self.memory)} of outputs"
        )

    def __str__(self) -> str:
        return f"{text_table(HEADER, self._rows(), left=3)}\n\n{self._total()}"

    def _repr_html_(self) -> str:
        return f"{html_table(HEADER, self._rows(), left=3)}<p>{self._total()}</p>"


def _positions(output: Tensor) -> int:
    return prod(output.shape[2:])


def _dense(module: Any, x: Tensor, output: Tensor) -> int:
    weights: int = module.weight.numel()
    return weights * _positions(output)


MULTIPLY_ADDS: list[tuple[tuple[type[Module], ...], Callable[[Any, Tensor, Tensor], int]]] = [
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _dense),
    (
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
        lambda module, x, output: module.weight.numel() * _positions(x),
    ),
    ((nn.Linear,), lambda module, x, output: module.weight.numel() * prod(output.shape[1:-1])),
]
"""The multiplications of a sample in layers of these classes."""


@explained
def summary(
    model: Module,
    input_size: Sequence[int] | Sequence[Sequence[int]],
    *,
    dtypes: Any = None,
) -> Summary:
    """Output shapes, parameters and multiplications of all layers.

    The model is called once, with a sample of zeros, in evaluation mode and without a graph; it is
    unchanged afterwards.

    Parameters
    ----------
    model : Module
        The model; layers are its modules without submodules. Functions that it calls, such as
        ``functional.relu``, are not in the table.
    input_size : tuple of int, or sequence of tuple of int
        The shape of a sample, without the axis of samples: ``(1, 28, 28)``. For a model with
        several inputs, the shape of each.
    dtypes : dtype, or sequence of dtype, optional
        The dtypes of the inputs, by default that of the parameters.

    Returns
    -------
    Summary
        An object that prints as a table, with the numbers in its attributes.

    Raises
    ------
    ValueError
        If a size is less than 1, or the numbers of sizes and dtypes differ; and what the model
        raises for such inputs.

    Examples
    --------
    >>> from cnet import nn, summary
    >>> table = summary(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), (1, 5, 5))
    >>> print(table)
    layer  type    output shape  parameters  multiply-adds  output memory
    0      Conv2d  2 x 3 x 3             20            162           72 B
    1      ReLU    2 x 3 x 3              0              0           72 B
    <BLANKLINE>
    20 parameters; for an input of 1 x 5 x 5: 162 multiply-adds, 144 B of outputs
    >>> table.multiply_adds
    162
    """
    shapes = _shapes(input_size)
    inputs = _inputs(model, shapes, dtypes)
    found: list[LayerSummary] = []
    counted: set[int] = set()

    def record(module: Module, args: tuple[Any, ...], output: Any) -> None:
        found.append(_layer(names[module], module, args, output, counted))

    def register(module: Module) -> list[Any]:
        return [module.register_forward_hook(record)]

    names = layers(model)
    with evaluation_mode(model), no_grad(), hooked(register, iter(names)):
        model(*inputs)
    parameters = list(model.parameters())
    return Summary(
        found,
        shapes,
        sum(parameter.numel() for parameter in parameters),
        sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        sum(layer.multiply_adds for layer in found),
        sum(layer.memory for layer in found),
    )


def _layer(
    name: str, module: Module, args: tuple[Any, ...], output: Any, counted: set[int]
) -> LayerSummary:
    """The summary of a call; `counted` has the parameters of earlier calls."""
    outputs = tensors(output)
    own = {id(parameter): parameter.numel() for parameter in module.parameters(recurse=False)}
    count = sum(size for key, size in own.items() if key not in counted)
    counted.update(own)
    products = 0
    for classes, formula in MULTIPLY_ADDS:
        if isinstance(module, classes) and args and outputs:
            products = formula(module, args[0], outputs[0])
    return LayerSummary(
        name,
        type(module).__name__,
        tuple(outputs[0].shape[1:]) if outputs else (),
        count,
        products,
        sum(tensor.numel() * tensor.element_size() for tensor in outputs),
    )


def _shapes(input_size: Any) -> list[Shape]:
    one = all(not isinstance(size, Sequence) for size in input_size)
    shapes = [tuple(shape) for shape in ([input_size] if one else input_size)]
    if not all(isinstance(size, int) and size > 0 for shape in shapes for size in shape):
        raise ValueError(f"summary: input_size must be positive ints (got {input_size})")
    return shapes


def _inputs(model: Module, shapes: list[Shape], dtypes: Any) -> list[Tensor]:
    from ..operations import zeros

    if dtypes is None:
        floats = (p.dtype for p in model.parameters() if p.is_floating_point())
        dtypes = next(floats, None)
    kinds = list(dtypes) if isinstance(dtypes, list | tuple) else [dtypes] * len(shapes)
    if len(kinds) != len(shapes):
        raise ValueError(
            f"summary: dtypes must have one dtype for each input (got {len(kinds)} and "
            f"{len(shapes)})"
        )
    return [zeros(1, *shape, dtype=kind) for shape, kind in zip(shapes, kinds, strict=True)]


def _sizes(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "1"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}" if unit != "B" else f"{number} B"
        number /= 1000
    return f"{number:.3g} GB"
