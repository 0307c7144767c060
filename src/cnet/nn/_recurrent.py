"""What recurrent layers and cells have in common: the parameters, and the states."""

from typing import Any, ClassVar

import numpy as np

from ..functional import recurrent
from ..tensor import Tensor, as_tensor
from . import init
from ._arguments import integer
from .module import Module
from .parameter import Parameter

MODES = {"RNN_TANH": "tanh", "RNN_RELU": "relu", "LSTM": "lstm", "GRU": "gru"}
"""The cells by the names that PyTorch gives to kinds of layers."""
NONLINEARITIES = ("tanh", "relu")


class Recurrent(Module):
    """Holds the sizes and the parameters.

    The hidden state has `proj_size` elements if that is not 0, and `hidden_size` otherwise.
    """

    cell: str
    proj_size = 0
    smallest: ClassVar[int] = 1
    """The smallest number of features of the input and of the hidden state."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = integer(name, "input_size", input_size, self.smallest)
        self.hidden_size = integer(name, "hidden_size", hidden_size, self.smallest)
        self.bias = bias

    def _make(self, suffix: str, input_size: int, gates: int, dtype: np.dtype[Any]) -> None:
        """Create the parameters, whose names end with `suffix`."""
        rows, size = gates * self.hidden_size, self.proj_size or self.hidden_size
        shapes: dict[str, tuple[int, ...] | None] = {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, size),
            "bias_ih": (rows,) if self.bias else None,
            "bias_hh": (rows,) if self.bias else None,
        }
        if self.proj_size:
            shapes["weight_hr"] = (size, self.hidden_size)
        for name, shape in shapes.items():
            parameter = None if shape is None else Parameter(np.empty(shape, dtype))
            setattr(self, f"{name}{suffix}", parameter)

    def _parameters_of(self, suffix: str) -> list[Parameter | None]:
        """The weights, the biases and the projection; None for what does not exist."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return [getattr(self, f"{name}{suffix}", None) for name in names]

    def reset_parameters(self) -> None:
        """Draw new values uniformly from ±1 / √hidden_size."""
        bound = max(self.hidden_size, 1) ** -0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _check_input(self, input: Tensor, dimensions: tuple[int, ...]) -> None:
        name = type(self).__name__
        if input.ndim not in dimensions:
            raise ValueError(
                f"{name}: input must have {' or '.join(map(str, dimensions))} dimensions "
                f"(got {input.ndim})"
            )
        if input.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: input.shape[-1] must equal input_size (got {input.shape[-1]} and "
                f"{self.input_size})"
            )

    def _states(self, hx: Any, shape: tuple[int, ...], x: Tensor) -> tuple[Tensor, ...]:
        """Check the given states, or create zeros; `shape` lacks the size of the last axis.

        The first is the hidden state; another one, the cell state, has `hidden_size` elements.
        """
        name, count = type(self).__name__, recurrent.CELLS[self.cell].states
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][:count]
        shapes = [(*shape, size) for size in sizes]
        if hx is None:
            return tuple([as_tensor(np.zeros(shape, x.dtype)) for shape in shapes])
        is_listed = isinstance(hx, (tuple, list))
        given = tuple(map(as_tensor, hx)) if count > 1 and is_listed else (as_tensor(hx),)
        got = [state.shape for state in given]
        if got != shapes:
            raise ValueError(f"{name}: hx must be tensors of shapes {shapes} (got {got})")
        return given
