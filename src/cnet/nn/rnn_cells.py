"""Recurrent cells: one step at a time."""

from typing import Any

from ..dtypes import DType
from ..functional import recurrent
from ..tensor import as_tensor
from ._arguments import choice, parameter_dtype
from ._recurrent import MODES, NONLINEARITIES, Recurrent

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Recurrent):
    """The base class of the cells; a subclass sets the attribute `cell`.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        As in `RNN`.
    num_chunks : int
        The number of gates.

    Examples
    --------
    >>> from cnet import nn
    >>> isinstance(nn.GRUCell(3, 4), nn.RNNCellBase)
    True
    """

    smallest = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        name = type(self).__name__
        self._make("", self.input_size, num_chunks, parameter_dtype(name, device, dtype))
        self.reset_parameters()

    def forward(self, input: Any, hx: Any = None) -> Any:
        x = as_tensor(input)
        self._check_input(x, (1, 2))
        states = self._states(hx, x.shape[:-1], x)
        single = x.ndim == 1
        if single:
            x, states = x.unsqueeze(0), tuple([state.unsqueeze(0) for state in states])
        _, *last = recurrent.Recurrent.apply(
            x, *self._parameters_of(""), *states,
            cell=self.cell, batch_sizes=[len(x)], reverse=False,
        )  # fmt: skip
        if single:
            last = [state.squeeze(0) for state in last]
        return tuple(last) if len(last) > 1 else last[0]

    def extra_repr(self) -> str:
        bias = "" if self.bias else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(RNNCellBase):
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
        choice("RNNCell", "nonlinearity", nonlinearity, NONLINEARITIES)
        self.cell = MODES[f"RNN_{nonlinearity.upper()}"]
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(RNNCellBase):
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

    cell = "lstm"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)


class GRUCell(RNNCellBase):
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

    cell = "gru"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)
