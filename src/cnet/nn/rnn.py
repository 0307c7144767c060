"""Recurrent layers: they run over sequences, one above the other."""

from collections.abc import Iterator
from typing import Any

from .. import functional as F
from ..dtypes import DType
from ..functional import recurrent
from ..operations.joining import cat, stack
from ..tensor import Tensor, as_tensor
from ._arguments import choice, integer, parameter_dtype
from ._recurrent import MODES, NONLINEARITIES, Recurrent
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]


class RNNBase(Recurrent):
    """The base class of `RNN`, `LSTM` and `GRU`.

    Parameters
    ----------
    mode : {'RNN_TANH', 'RNN_RELU', 'LSTM', 'GRU'}
        The kind of the layers.
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNN`.
    proj_size : int, default 0
        As in `LSTM`.

    Examples
    --------
    >>> from cnet import nn
    >>> isinstance(nn.GRU(3, 4), nn.RNNBase)
    True
    """

    def __init__(
        self,
        mode: str,
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
        super().__init__(input_size, hidden_size, bias)
        name = type(self).__name__
        self.mode = choice(name, "mode", mode, (*MODES,))
        self.cell = MODES[mode]
        self.num_layers = integer(name, "num_layers", num_layers)
        self.batch_first = batch_first
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be between 0 and 1 (got {dropout})")
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = integer(name, "proj_size", proj_size, 0)
        if proj_size and mode != "LSTM":
            raise ValueError(f"{name}: only LSTM has proj_size (got {proj_size})")
        if proj_size >= hidden_size:
            raise ValueError(
                f"{name}: proj_size must be less than hidden_size (got {proj_size} and "
                f"{hidden_size})"
            )
        dtype = parameter_dtype(name, device, dtype)
        above = self._directions * (self.proj_size or self.hidden_size)
        for layer, _, suffix in self._runs():
            self._make(
                suffix, above if layer else self.input_size, recurrent.CELLS[self.cell].gates, dtype
            )
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _runs(self) -> Iterator[tuple[int, bool, str]]:
        """The layer, whether the direction is reversed, and the suffix of the parameters."""
        for layer in range(self.num_layers):
            for reverse in (False, True)[: self._directions]:
                yield layer, reverse, f"_l{layer}" + ("_reverse" if reverse else "")

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        runs = [self._parameters_of(suffix) for _, _, suffix in self._runs()]
        return [[parameter for parameter in run if parameter is not None] for run in runs]

    def flatten_parameters(self) -> None:
        """Have no effect: PyTorch needs it on other devices only."""

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        x = as_tensor(input)
        self._check_input(x, (2, 3))
        single = x.ndim == 2
        if single:
            x = x.unsqueeze(1)
            hx = hx if hx is None else self._each(hx, lambda state: as_tensor(state).unsqueeze(1))
        elif self.batch_first:
            x = x.transpose(0, 1)
        length, n = x.shape[:2]
        if not length:
            raise ValueError(f"{type(self).__name__}: input must have at least 1 step (got 0)")
        rows, last = self._run(x.reshape(length * n, x.shape[2]), [n] * length, hx)
        y = rows.reshape(length, n, rows.shape[1])
        if single:
            return y.squeeze(1), self._each(last, lambda state: state.squeeze(1))
        return y.transpose(0, 1) if self.batch_first else y, last

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        """The states are in the order of the sequences before they were sorted."""
        self._check_input(input.data, (2,))
        given, sorted_indices, unsorted_indices = hx, input.sorted_indices, input.unsorted_indices
        if given is not None and sorted_indices is not None:
            given = self._each(hx, lambda state: as_tensor(state).index_select(1, sorted_indices))
        y, last = self._run(input.data, input.batch_sizes.tolist(), given)
        if unsorted_indices is not None:
            last = self._each(last, lambda state: state.index_select(1, unsorted_indices))
        return input._replace(data=y), last

    def _each(self, hx: Any, change: Any) -> Any:
        return tuple(map(change, hx)) if recurrent.CELLS[self.cell].states > 1 else change(hx)

    def _run(self, x: Tensor, batch_sizes: list[int], hx: Any) -> tuple[Tensor, Any]:
        """Compute the hidden states of all rows, and the last states: see `recurrent.Recurrent`."""
        states = self._states(hx, (self.num_layers * self._directions, batch_sizes[0]), x)
        last: list[tuple[Tensor, ...]] = []
        directions: list[Tensor] = []
        for number, (layer, reverse, suffix) in enumerate(self._runs()):
            y, *final = recurrent.Recurrent.apply(
                x, *self._parameters_of(suffix), *[state[number] for state in states],
                cell=self.cell, batch_sizes=batch_sizes, reverse=reverse,
            )  # fmt: skip
            last.append(tuple(final))
            directions.append(y)
            if len(directions) == self._directions:
                x = cat(directions, -1) if self.bidirectional else y
                directions = []
                if layer < self.num_layers - 1:
                    x = F.dropout(x, self.dropout, self.training)
        stacked = [stack(list(finals)) for finals in zip(*last, strict=True)]
        return x, tuple(stacked) if len(stacked) > 1 else stacked[0]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        parts += [f"proj_size={self.proj_size}"] if self.proj_size else []
        parts += [f"num_layers={self.num_layers}"] if self.num_layers != 1 else []
        parts += [] if self.bias else ["bias=False"]
        parts += ["batch_first=True"] if self.batch_first else []
        parts += [f"dropout={self.dropout}"] if self.dropout else []
        parts += ["bidirectional=True"] if self.bidirectional else []
        return ", ".join(parts)


class RNN(RNNBase):
    """Elman's recurrent layers: h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh).

    Parameters
    ----------
    input_size : int
        Size of the last axis of the input, shape (length, n, input_size) or (length, input_size),
        or a `PackedSequence`; then the result is one, too.
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
        choice("RNN", "nonlinearity", nonlinearity, NONLINEARITIES)
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: layers with a hidden state and a cell state.

    ``lstm(input, (h, c))`` returns the hidden states of all steps and the last states (h, c). The
    gates are stored in the order input, forget, cell, output.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNN`.
    proj_size : int, default 0
        If it is not 0, the hidden states are multiplied by a matrix ``weight_hr_l0`` of shape
        (proj_size, hidden_size), and have this size.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value; `proj_size` must be less than `hidden_size`.

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
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
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
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
