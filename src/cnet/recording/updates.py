"""Steps of optimizers in a recorded step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import _core
from ..arrays import Array
from ..autograd.engine import Variable
from .buffers import arrays_in, identical
from .calls import Call
from .repeats import Repeat


class Update(Repeat):
    """A step of an optimizer that each replay runs again in Python.

    Before it, the parameters and the state were the given arrays.
    """

    def __init__(self, optimizer: Any, step: Callable[[], Any], arrays: Sequence[Array]) -> None:
        self.name = type(optimizer).__name__
        self._optimizer, self._compute, self._arrays = optimizer, step, arrays

    def _params(self) -> list[Variable]:
        return [param for group in self._optimizer.param_groups for param in group["params"]]

    def reads(self) -> list[Array]:
        return [*arrays_in([param._grad for param in self._params()])]

    def writes(self) -> list[Array]:
        return [*arrays_in((self._params(), list(self._optimizer.state.values())))]

    def fits(self) -> bool:
        """Whether the parameters and the state are still these arrays."""
        return identical(self.writes(), self._arrays)


class _Updated:
    """A parameter, and the arrays of its state when the step was recorded."""

    def __init__(self, param: Variable, state: Mapping[Any, Any]) -> None:
        self._param = param
        self.arrays = {name: value._array for name, value in state.get(param, {}).items()}

    def fits(self, state: Mapping[Any, Any]) -> bool:
        """Whether these are still the arrays of its state."""
        arrays = [value._array for value in state.get(self._param, {}).values()]
        return identical(arrays, self.arrays.values())


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
        self.count = len(params)
        """The number of calls."""
        trained = {id(param) for param in params}
        self._groups = [
            [_Updated(param, optimizer.state) for param in group["params"] if id(param) in trained]
            for group in optimizer.param_groups
        ]
        self._entries = _entries(optimizer)

    @classmethod
    def explaining(
        cls, calls: Sequence[Call], optimizer: Any, params: Sequence[Variable]
    ) -> "Numbers | None":
        """The numbers of these calls.

        None unless they are one for each parameter, of an optimizer of this package.
        """
        if (
            type(optimizer).__module__.startswith("cnet.")
            and not optimizer._hooks
            and None not in _entries(optimizer)
            and len(calls) == len(params)
            and all(c.arguments[0] is p._array for c, p in zip(calls, params, strict=True))
        ):
            return cls(optimizer, params)
        return None

    def writes(self) -> list[Array]:
        """The arrays of the state, which include numbers of steps."""
        return [*arrays_in([each.arrays for group in self._groups for each in group])]

    def fits(self) -> bool:
        """Whether the kernel takes the recorded arrays, and no hook was added."""
        optimizer = self._optimizer
        return (
            not optimizer._hooks
            and _entries(optimizer) == self._entries
            and all(each.fits(optimizer.state) for group in self._groups for each in group)
        )

    def renew(self, tape: _core.Tape, first: int) -> None:
        """Write the numbers of the next step into the calls of a tape, from the number `first`."""
        optimizer = self._optimizer
        for group, params in zip(optimizer.param_groups, self._groups, strict=True):
            options = optimizer._options(group)
            for each in params:
                progress = optimizer._progress(each.arrays, False)
                tape.set_numbers(first, tuple(optimizer._numbers(progress, options).values()))
                first += 1


def _entries(optimizer: Any) -> list[tuple[str, ...] | None]:
    """What `Optimizer._entries` returns for each group."""
    return [*map(optimizer._entries, optimizer.param_groups)]
