"""Steps of optimizers in a recorded step."""

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from ..arrays import Array
from ..engine import Variable
from .buffers import arrays_in
from .calls import Call
from .repeats import Repeat


class Update(Repeat):
    """A step of an optimizer that each replay runs again in Python."""

    def __init__(self, optimizer: Any, step: Callable[[], Any]) -> None:
        self.name = type(optimizer).__name__
        self._optimizer, self._compute = optimizer, step

    def _params(self) -> list[Variable]:
        return [param for group in self._optimizer.param_groups for param in group["params"]]

    def reads(self) -> list[Array]:
        return [*arrays_in([param._grad for param in self._params()])]

    def writes(self) -> list[Array]:
        return [*arrays_in((self._params(), list(self._optimizer.state.values())))]


class Numbers:
    """The numbers that kernels of an optimizer take: learning rates and numbers of steps.

    Parameters
    ----------
    optimizer : Optimizer
        Its step is one call of a kernel for each parameter.
    params : sequence of Tensor
        The parameters that have a gradient, in the order of the calls.
    """

    def __init__(self, optimizer: Any, params: Sequence[Variable]) -> None:
        self._optimizer = optimizer
        trained = {id(param) for param in params}
        self._groups = [
            [param for param in group["params"] if id(param) in trained]
            for group in optimizer.param_groups
        ]
        self._params = params
        self._state = self.writes()

    @property
    def count(self) -> int:
        """The number of calls."""
        return len(self._params)

    def explain(self, calls: Sequence[Call]) -> bool:
        """Whether the calls are one for each parameter, of an optimizer of this package."""
        optimizer = self._optimizer
        return (
            type(optimizer).__module__.startswith("cnet.")
            and not optimizer._hooks
            and len(calls) == len(self._params)
            and all(
                call.arguments[0] is param._array and call.kernel.endswith("_step")
                for call, param in zip(calls, self._params, strict=True)
            )
        )

    def writes(self) -> list[Array]:
        """The arrays of the state, which include numbers of steps."""
        state = self._optimizer.state
        return [*arrays_in([state.get(param) for param in self._params])]

    def fits(self) -> bool:
        """Whether the state has the recorded arrays, and no hook was added."""
        return not self._optimizer._hooks and [*map(id, self.writes())] == [*map(id, self._state)]

    def renew(self, tape: _core.Tape, first: int) -> None:
        """Write the numbers of the next step into the calls of a tape, from the number `first`."""
        optimizer = self._optimizer
        for group, params in zip(optimizer.param_groups, self._groups, strict=True):
            options = optimizer._options(group)
            for param in params:
                kept = optimizer.state.get(param, {})
                state = {name: value._array for name, value in kept.items()}
                tape.set_numbers(first, tuple(optimizer._numbers(state, options).values()))
                first += 1
