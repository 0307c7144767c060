"""Rule: an optimizer that updates each parameter by itself, from its gradient and its state.

`Rule` handles closures, layouts of arrays, options and the state. `ElementwiseRule` is for rules
that compute each element by itself: it runs them in blocks that fit into the cache.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import groupby
from math import prod
from types import NoneType, SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from ..autograd.grad_mode import enable_grad
from ..tensor import Tensor, make_writable
from .optimizer import Closure, Optimizer

Array: TypeAlias = npt.NDArray[Any]
Check: TypeAlias = Callable[[str, str, Any], None]
"""A function of the name of the optimizer, the name of an option and its value."""
Move: TypeAlias = tuple[Tensor, Array, Array, dict[str, Array], int]
"""A parameter, its values and gradient as contiguous arrays, the arrays of its state, and how many
of them are not new."""

BLOCK_BYTES = 1 << 18
"""The size of the part of a parameter that an elementwise rule updates at a time."""

ADDED_LATER = {
    "maximize": False, "foreach": None, "fused": None, "capturable": False, "differentiable": False,
    "amsgrad": False, "decoupled_weight_decay": False,
}  # fmt: skip
"""Options that older states lack, with the values that these states imply."""


def plain(value: Any) -> Any:
    """Convert tensors of one element, and scalars of NumPy, to numbers.

    One of float32 becomes a scalar of NumPy, so that numbers computed from it are float32, as in
    PyTorch.
    """
    if type(value) in (float, int, bool, NoneType):
        return value
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value._array.reshape(-1)[0]
    if isinstance(value, np.generic):
        return value if value.dtype == np.float32 else value.item()
    return tuple(map(plain, value)) if isinstance(value, (tuple, list)) else value


def next_step(state: Mapping[str, Array]) -> int:
    """Add 1 to the number of the step in the state of a parameter, and return it.

    With numbers of Python, because operators of NumPy take longer for one element.
    """
    step = state["step"]
    step[()] = step.item() + 1
    return int(step)


def non_negative(function: str, name: str, value: Any) -> None:
    """Raise ValueError if an option is negative or not a number."""
    shape = np.shape(value)
    if prod(shape) != 1:
        raise ValueError(f"{function}: {name} must have one element (got shape {shape})")
    if not plain(value) >= 0:
        raise ValueError(f"{function}: {name} must not be negative (got {value})")


def decays(function: str, name: str, value: Any) -> None:
    """Raise ValueError if an option is not a pair of numbers in the range [0, 1)."""
    if len(value) != 2 or not all(0 <= plain(beta) < 1 for beta in value):
        raise ValueError(
            f"{function}: {name} must be two numbers, at least 0 and less than 1 (got {value})"
        )


def checks(*names: str, **others: Check) -> Mapping[str, Check]:
    """The checks of options: those in `names` must not be negative."""
    return {**dict.fromkeys(names, non_negative), **others}


class Rule(Optimizer):
    """Base class of the optimizers of cnet: a subclass defines the update of one parameter."""

    _checks: ClassVar[Mapping[str, Check]] = {}
    """The checks of options."""
    _kernel: ClassVar[Callable[..., None]]
    """The function of `kernels` that updates parameters, unless `_entries` is None."""

    def _check(self, options: dict[str, Any]) -> None:
        for name, check in self._checks.items():
            check(self._name, name, options[name])
        for name in ("capturable", "differentiable"):
            if options.get(name):
                raise ValueError(f"{self._name}: {name} must be False (got {options[name]})")
        if options.get("foreach") and options.get("fused"):
            raise RuntimeError(f"{self._name}: foreach and fused must not both be True")

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        """The names of the entries of the state that these options need, with initial values."""
        return {}

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        """The options of a group, as numbers."""
        return {name: plain(value) for name, value in group.items() if name != "params"}

    def _update(
        self, param: Array, grad: Array, state: dict[str, Array], options: dict[str, Any]
    ) -> None:
        """Update `param` and its `state` in place; entries that are added to `state` are kept."""
        raise NotImplementedError

    def step(self, closure: Closure | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients and returns the loss; called once, before the update.

        Returns
        -------
        The loss that `closure` returned, or None.
        """
        if not (closure is None or callable(closure)):
            raise TypeError(f"{self._name}: closure must be a function (got {closure!r})")
        loss = None if closure is None else enable_grad()(closure)()
        name = f"{self._name}.step"
        for group in self.param_groups:
            options = self._options(group)
            initial = self._initial(options)
            moves = [
                self._prepared(param, param._grad._array, initial)
                for param in group["params"]
                if param._grad is not None
            ]
            self._update_all(moves, options)
            for move in moves:
                self._finish(move, name)
        return loss

    def _prepared(self, param: Tensor, grad: Array, initial: dict[str, float]) -> Move:
        """What the update of a parameter takes: its array may have any layout."""
        values = array = param._array
        if not (array.flags.carray and array.dtype.isnative):
            make_writable(param)
            array = param._array
            values = np.require(array, array.dtype.newbyteorder("="), ("C", "A"))
        if grad.shape != array.shape:
            raise ValueError(
                f"{self._name}: grad.shape must equal the shape of the parameter "
                f"(got {grad.shape} and {array.shape})"
            )
        kept = self.state.get(param)
        state = {name: value._array for name, value in kept.items()} if kept else {}
        known = len(state)
        for name in initial:
            if name not in state:
                state[name] = self._entry(name, values, initial[name])
        if not grad.flags.c_contiguous:
            grad = np.ascontiguousarray(grad)
        return param, values, grad, state, known

    def _update_all(self, moves: list[Move], options: dict[str, Any]) -> None:
        """Update all parameters of a group: by calls of `_kernel`, each for all parameters with the
        same numbers, or else one by one.
        """
        entries = self._entries(options)
        if entries is None:
            for _, values, grad, state, _ in moves:
                self._update(values, grad, state, options)
            return
        for progress, same in groupby(moves, self._progress_of):
            _, params, grads, states, _ = zip(*same, strict=True)
            columns = [[each[entry] for each in states] for entry in entries]
            self._kernel(params, grads, *columns, **self._numbers(progress, options))

    def _progress_of(self, move: Move) -> int:
        _, _, _, state, known = move
        return self._progress(state, known < len(state))

    def _finish(self, move: Move, name: str) -> None:
        """Keep new entries of the state, and record the change of the parameter under a name."""
        param, values, _, state, known = move
        if known < len(state):
            kept = self.state.get(param, {})
            self.state[param] = {n: kept[n] if n in kept else Tensor(a) for n, a in state.items()}
        if values is not param._array:
            param._array[...] = values
        param.note_change(name)

    def _entry(self, name: str, param: Array, value: float) -> Array:
        """A new entry of the state."""
        if name in self._scalars:
            return np.array(value, np.float32)
        shape = self._state_shape(name, param.shape)
        return np.full(shape, value, param.dtype) if value else np.zeros(shape, param.dtype)

    def _state_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an entry of the state, for a parameter of the given shape."""
        return () if name in self._scalars else shape

    def _completed(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        known = self.defaults.keys() & ADDED_LATER.keys()
        options = {**{key: ADDED_LATER[key] for key in known}, **options}
        self._require(name, options, self.defaults)
        return options

    def _fitting_state(
        self, saved: Any, params: dict[Any, Tensor]
    ) -> defaultdict[Any, dict[str, Any]]:
        state = super()._fitting_state(saved, params)
        for key, entries in state.items():  # some versions of PyTorch keep None without momentum
            state[key] = {name: value for name, value in entries.items() if value is not None}
        return state

    def _fitting(self, name: str, param: Tensor, key: Any, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, (Tensor, np.ndarray, int, float)):
            raise TypeError(
                f"{self._name}: {name} must be an array or a number (got {type(value).__name__})"
            )
        array = value._array if isinstance(value, Tensor) else np.asarray(value)
        self._match(f"{name}.shape", array.shape, self._state_shape(key, param.shape))
        if key in self._scalars:
            return Tensor(np.array(array, np.float32))
        return Tensor(self._fitting_array(name, param, key, array))


class ElementwiseRule(Rule):
    """Base class of rules that compute each element of a parameter by itself.

    The gradient that `_block` gets includes the sign of `maximize` and the L2 penalty of
    `weight_decay`, and decoupled weight decay is already applied.
    """

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        """Add to the options `o` what all blocks use; update the scalars of the state `s`."""

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        """Update a block of a parameter, and of its state `s`, in place; `g` is not changed."""
        raise NotImplementedError

    def _update(
        self, param: Array, grad: Array, state: dict[str, Array], options: dict[str, Any]
    ) -> None:
        arrays = {name: array for name, array in state.items() if name not in self._scalars}
        arrays = {name: self._flat(name, array, param.shape) for name, array in arrays.items()}
        param, grad = param.reshape(-1), grad.reshape(-1)
        o = SimpleNamespace(**options)
        o.step = next_step(state)
        self._prepare(o, SimpleNamespace(**state))
        length = BLOCK_BYTES // param.itemsize
        for start in range(0, param.size, length):
            part = slice(start, start + length)
            w, g = param[part], grad[part]
            s = SimpleNamespace(**{name: array[part] for name, array in arrays.items()})
            self._block(w, _decayed(w, -g if o.maximize else g, options), s, o)

    def _flat(self, name: str, array: Array, shape: tuple[int, ...]) -> Array:
        """An entry of the state in one dimension, not a copy."""
        if array.shape != shape or not array.flags.carray:
            raise ValueError(
                f"{self._name}: state[{name!r}] must be a contiguous tensor of shape {shape} "
                f"(got shape {array.shape}, strides {array.strides})"
            )
        return array.reshape(-1)


def _decayed(w: Array, g: Array, options: dict[str, Any]) -> Array:
    """The gradient with the L2 penalty; decoupled weight decay changes the parameter."""
    weight_decay = options.get("weight_decay", 0)
    if weight_decay == 0:
        return g
    if options.get("decoupled_weight_decay"):
        w *= 1 - options["lr"] * weight_decay
        return g
    penalized: Array = g + weight_decay * w
    return penalized
