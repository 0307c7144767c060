"""Recurrent layers and cells."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import functional as F
from ..dtypes import DType
from ..functional import recurrent
from ..functional.recurrent import Cell, Recurrent
from ..operations.joining import cat, stack
from ..tensor import Tensor, as_tensor
from . import init
from ._arguments import choice, integer, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

_RNN_CELLS: dict[str, type[Cell]] = {"tanh": recurrent.TanhCell, "relu": recurrent.ReLUCell}


class _Recurrent(Module):
    """Holds the sizes and the cell; draws the parameters."""

    def __init__(self, cell: type[Cell], input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        name = type(self).__name__
        self.cell = cell
        self.input_size = integer(name, "input_size", input_size)
        self.hidden_size = integer(name, "hidden_size", hidden_size)
        self.bias = bias

    def _make(self, suffix: str, input_size: int, dtype: np.dtype[Any]) -> None:
        """Create the two weights and the two biases, whose names end with `suffix`."""
        rows = self.cell.gates * self.hidden_size
        for source, size in (("ih", input_size), ("hh", self.hidden_size)):
            setattr(self, f"weight_{source}{suffix}", Parameter(np.empty((rows, size), dtype)))
        for source in ("ih", "hh"):
            bias = Parameter(np.empty(rows, dtype)) if self.bias else None
            setattr(self, f"bias_{source}{suffix}", bias)

    def _parameters_of(self, suffix: str) -> list[Parameter | None]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{name}{suffix}") for name in names]

    def reset_parameters(self) -> None:
        """Draw new values uniformly from ±1 / √hidden_size."""
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _check_input(self, input: Tensor, dimensions: tuple[int, int]) -> None:
        name = type(self).__name__
        if input.ndim not in dimensions:
            raise ValueError(
                f"{name}: input must have {dimensions[0]} or {dimensions[1]} dimensions "
                f"(got {input.ndim})"
            )
        if input.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: input.shape[-1] must equal input_size (got {input.shape[-1]} and "
                f"{self.input_size})"
            )

    def _states(self, hx: Any, shape: tuple[int, ...], x: Tensor) -> tuple[Tensor, ...]:
        """Check the given states, or create zeros."""
        name, count = type(self).__name__, self.cell.states
        if hx is None:
            return tuple([as_tensor(np.zeros(shape, x.dtype)) for _ in range(count)])
        given = tuple(map(as_tensor, hx)) if count > 1 else (as_tensor(hx),)
        if len(given) != count or any(state.shape != shape for state in given):
            raise ValueError(
                f"{name}: hx must be {count} tensors of shape {shape} "
                f"(got {[state.shape for state in given]})"
            )
        return given


class _Layers(_Recurrent):
    """Layers that run over sequences, one above the other."""

    def __init__(
        self,
        cell: type[Cell],
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__(cell, input_size, hidden_size, bias)
        name = type(self).__name__
        self.num_layers = integer(name, "num_layers", num_layers)
        self.batch_first = batch_first
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be between 0 and 1 (got {dropout})")
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        dtype = parameter_dtype(name, device, dtype)
        for layer, _, suffix in self._runs():
            size = self.input_size if layer == 0 else self._directions * self.hidden_size
            self._make(suffix, size, dtype)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _runs(self) -> Iterator[tuple[int, bool, str]]:
        """The layer, whether the direction is reversed, and the suffix of the parameters."""
        for layer in range(self.num_layers):
            for reverse in (False, True)[: self._directions]:
                yield layer, reverse, f"_l{layer}" + ("_reverse" if reverse else "")

    def forward(self, input: Any, hx: Any = None) -> tuple[Tensor, Any]:
        x = as_tensor(input)
        self._check_input(x, (2, 3))
        single = x.ndim == 2
        if single:
            x = x.unsqueeze(1)
            hx = hx if hx is None else self._each(hx, lambda state: as_tensor(state).unsqueeze(1))
        elif self.batch_first:
            x = x.transpose(0, 1)
        if not len(x):
            raise ValueError(f"{type(self).__name__}: input must have at least 1 step (got 0)")
        runs = self.num_layers * self._directions
        y, last = self._run(x, self._states(hx, (runs, x.shape[1], self.hidden_size), x))
        if single:
            y, last = y.squeeze(1), tuple([state.squeeze(1) for state in last])
        elif self.batch_first:
            y = y.transpose(0, 1)
        return y, last if len(last) > 1 else last[0]

    def _each(self, hx: Any, change: Any) -> Any:
        return tuple(map(change, hx)) if self.cell.states > 1 else change(hx)

    def _run(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        last: list[tuple[Tensor, ...]] = []
        directions: list[Tensor] = []
        for number, (layer, reverse, suffix) in enumerate(self._runs()):
            y, *final = Recurrent.apply(
                x, *self._parameters_of(suffix), *[state[number] for state in states],
                cell=self.cell, reverse=reverse,
            )  # fmt: skip
            last.append(tuple(final))
            directions.append(y)
            if len(directions) == self._directions:
                x = cat(directions, -1) if self.bidirectional else y
                directions = []
                if layer < self.num_layers - 1:
                    x = F.dropout(x, self.dropout, self.training)
        return x, tuple([stack(list(finals)) for finals in zip(*last, strict=True)])

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        parts += [f"num_layers={self.num_layers}"] if self.num_layers != 1 else []
        parts += [] if self.bias else ["bias=False"]
        parts += ["batch_first=True"] if self.batch_first else []
        parts += [f"dropout={self.dropout}"] if self.dropout else []
        parts += ["bidirectional=True"] if self.bidirectional else []
        return ", ".join(parts)


class RNN(_Layers):
    """Elman's recurrent layers: h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh).

    Parameters
    ----------
    input_size : int
        Size of the last axis of the input, shape (length, n, input_size) or (length, input_size).
    hidden_size : int
        Size of the hidden state.
    num_layers : int, default 1
        The number of layers, each of which runs over the results of the one below.
    nonlinearity : {'tanh', 'relu'}, default 'tanh'
        The activation function.
    bias : bool, default True
        Whether biases are added.
    batch_first : bool, default False
        Whether input and output have shape (n, length, size) instead of (length, n, size).
    dropout : float, default 0
        The probability that results of a layer are dropped before the next layer, in training.
    bidirectional : bool, default False
        Whether each layer also runs from the end to the start; the results are joined.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ... : Parameter
        The parameters of layer 0, and so on; those of the reverse direction end with ``_reverse``.
        Drawn uniformly from ±1 / √hidden_size.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y, h = nn.RNN(3, 4, num_layers=2)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        choice("RNN", "nonlinearity", nonlinearity, (*_RNN_CELLS,))
        super().__init__(
            _RNN_CELLS[nonlinearity], input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(_Layers):
    """Long short-term memory: layers with a hidden state and a cell state.

    ``lstm(input, (h, c))`` returns the hidden states of all steps and the last states (h, c). The
    gates are stored in the order input, forget, cell, output.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNN`.
    proj_size : int, default 0
        Projections are not supported.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.
    NotImplementedError
        If `proj_size` is not 0.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y, (h, c) = nn.LSTM(3, 4)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape, c.shape
    ((5, 2, 4), (1, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        if proj_size:
            raise NotImplementedError(f"LSTM: proj_size is not supported (got {proj_size})")
        super().__init__(
            recurrent.LSTMCell, input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device, dtype,
        )  # fmt: skip


class GRU(_Layers):
    """Gated recurrent units.

    The gates are stored in the order reset, update, new; the reset gate is applied to the product
    of the hidden state, as in PyTorch.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNN`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", arXiv:1406.1078.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y, h = nn.GRU(3, 4, bidirectional=True)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 8), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(
            recurrent.GRUCell, input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device, dtype,
        )  # fmt: skip


class _SingleCell(_Recurrent):
    """One step of a layer."""

    def __init__(
        self,
        cell: type[Cell],
        input_size: int,
        hidden_size: int,
        bias: bool,
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__(cell, input_size, hidden_size, bias)
        self._make("", self.input_size, parameter_dtype(type(self).__name__, device, dtype))
        self.reset_parameters()

    def forward(self, input: Any, hx: Any = None) -> Any:
        x = as_tensor(input)
        self._check_input(x, (1, 2))
        states = self._states(hx, (*x.shape[:-1], self.hidden_size), x)
        if x.ndim == 1:
            x, states = x.unsqueeze(0), tuple([state.unsqueeze(0) for state in states])
        _, *last = Recurrent.apply(
            x.unsqueeze(0), *self._parameters_of(""), *states, cell=self.cell, reverse=False
        )
        if as_tensor(input).ndim == 1:
            last = [state.squeeze(0) for state in last]
        return tuple(last) if len(last) > 1 else last[0]

    def extra_repr(self) -> str:
        bias = "" if self.bias else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(_SingleCell):
    """One step of `RNN`: the next hidden state.

    Parameters
    ----------
    input_size, hidden_size, bias, nonlinearity, device, dtype
        As in `RNN`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.RNNCell(3, 4)(np.ones((2, 3), np.float32)).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        choice("RNNCell", "nonlinearity", nonlinearity, (*_RNN_CELLS,))
        super().__init__(_RNN_CELLS[nonlinearity], input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(_SingleCell):
    """One step of `LSTM`: the next hidden state and the next cell state.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        As in `RNN`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> h, c = nn.LSTMCell(3, 4)(np.ones((2, 3), np.float32))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(recurrent.LSTMCell, input_size, hidden_size, bias, device, dtype)


class GRUCell(_SingleCell):
    """One step of `GRU`: the next hidden state.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        As in `RNN`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.GRUCell(3, 4)(np.ones((2, 3), np.float32)).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(recurrent.GRUCell, input_size, hidden_size, bias, device, dtype)
