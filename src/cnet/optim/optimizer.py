"""Optimizer: groups of parameters, their options, and the state of the update rule."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..tensor import Tensor, make_writable, zero_grad

Array: TypeAlias = npt.NDArray[Any]
Params: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer(ABC):
    """Base class of all optimizers.

    A subclass defines `_check`, which validates the options, and `_update`, which updates one
    parameter.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters. A group is a dict with ``"params"`` and any options
        that differ from the defaults.
    defaults : dict
        The default options of all groups.

    Attributes
    ----------
    param_groups : list of dict
        Each dict has ``"params"``, a list of tensors, and all options. Options may be changed at
        any time.
    state : dict of Tensor to dict
        The state of the update rule for each parameter, created in its first update.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If `params` is empty, a parameter appears twice or is not a leaf, or an option has an
        invalid value.
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        groups = self._listed("params", params, "tensors or of groups")
        if not groups:
            raise ValueError(
                f"{self._name}: params must not be empty (a generator can be used only once)"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @abstractmethod
    def _check(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group has an invalid value."""

    @abstractmethod
    def _update(
        self, param: Array, grad: Array, state: dict[str, Any], options: dict[str, Any]
    ) -> None:
        """Update `param` and its `state` in place; `state` is empty in the first step."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters.

        Parameters
        ----------
        param_group : dict
            Has ``"params"``, a tensor or an iterable of tensors, and options; options that are not
            given have their defaults.

        Raises
        ------
        TypeError
            If `param_group` is not a dict, or ``"params"`` contains anything except tensors.
        ValueError
            If a tensor is already in a group or is not a leaf, or an option has an invalid value.

        Examples
        --------
        >>> from cnet import nn, optim
        >>> body, head = nn.Linear(3, 3), nn.Linear(3, 2)
        >>> opt = optim.SGD(body.parameters(), lr=0.1)
        >>> opt.add_param_group({"params": head.parameters(), "lr": 1.0})
        >>> [group["lr"] for group in opt.param_groups]
        [0.1, 1.0]
        """
        if not (isinstance(param_group, dict) and "params" in param_group):
            raise TypeError(f"{self._name}: a group must be a dict with 'params'")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        params = self._listed("params of a group", params, "tensors")
        group = {**self.defaults, **param_group, "params": params}
        seen = {id(param) for other in self.param_groups for param in other["params"]}
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"{self._name}: a parameter must be a tensor (got {type(param).__name__})"
                    f"{_hint(param)}"
                )
            if not param.is_leaf:
                raise ValueError(f"{self._name}: a parameter must be a leaf of the graph")
            if id(param) in seen:
                raise ValueError(f"{self._name}: a parameter must not appear twice")
            seen.add(id(param))
        self._check(group)
        self.param_groups.append(group)

    def _listed(self, name: str, params: Any, items: str) -> list[Any]:
        """The items of an iterable that is not a tensor, mapping or string."""
        if isinstance(params, (Tensor, np.ndarray, Mapping, str)) or not hasattr(
            params, "__iter__"
        ):
            raise TypeError(
                f"{self._name}: {name} must be an iterable of {items} "
                f"(got {type(params).__name__}){_hint(params)}"
            )
        return list(params)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or to zero if `set_to_none` is False."""
        zero_grad(self._params(), set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients and returns the loss; called once, before the update.

        Returns
        -------
        The loss that `closure` returned, or None.
        """
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is not None:
                    self._move(param, grad._array, group)
        return loss

    def _move(self, param: Tensor, grad: Array, options: dict[str, Any]) -> None:
        """Update a parameter, whose array may have any layout, and record the change."""
        make_writable(param)
        array = param._array
        values = array
        if not (array.flags.carray and array.dtype.isnative):
            values = np.require(array, array.dtype.newbyteorder("="), ("C", "A"))
        state = self.state.setdefault(param, {})
        self._update(values, np.ascontiguousarray(grad), state, options)
        if values is not array:
            array[...] = values
        param.note_change(f"{self._name}.step")

    def state_dict(self) -> dict[str, Any]:
        """Return the state that is needed to continue training with bitwise identical results.

        Returns
        -------
        dict
            ``"state"`` maps the position of each parameter to its state, a dict of numbers and
            tensors. ``"param_groups"`` is a list of dicts of options, in which ``"params"`` is a
            list of positions. The tensors share memory with the optimizer, so training changes
            them; ``copy.deepcopy`` keeps the present values.

        Examples
        --------
        >>> from cnet import nn, optim
        >>> opt = optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1)
        >>> opt.state_dict()["param_groups"][0]["params"]
        [0, 1]
        """
        params = self._params()
        positions = {id(param): i for i, param in enumerate(params)}
        return {
            "state": {
                i: {name: _shared(value) for name, value in self.state[param].items()}
                for i, param in enumerate(params)
                if self.state.get(param)
            },
            "param_groups": [
                {**group, "params": [positions[id(param)] for param in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`, for parameters of the same shapes in the same order.

        Parameters
        ----------
        state_dict : mapping
            The result of `state_dict`; it is copied. Arrays are converted to the dtype of their
            parameter.

        Raises
        ------
        TypeError, ValueError
            If groups, options, shapes or dtypes do not match; the optimizer is then unchanged.
        """
        self._require("state_dict", state_dict, ("state", "param_groups"))
        groups = self._fitting_groups(state_dict["param_groups"])
        self.state = self._fitting_state(state_dict["state"])
        for group, options in zip(self.param_groups, groups, strict=True):
            group.update(options)

    def _fitting_groups(self, saved: Any) -> list[dict[str, Any]]:
        """Copies of the saved options, one dict for each group."""
        self._match("len(param_groups)", len(saved), len(self.param_groups))
        groups, first = [], 0
        for i, (options, group) in enumerate(zip(saved, self.param_groups, strict=True)):
            self._require(f"param_groups[{i}]", options, ("params", *self.defaults))
            end = first + len(group["params"])
            self._match(
                f"param_groups[{i}]['params']", list(options["params"]), list(range(first, end))
            )
            groups.append(deepcopy({k: v for k, v in options.items() if k != "params"}))
            self._check(groups[-1])
            first = end
        return groups

    def _fitting_state(self, saved: Any) -> dict[Tensor, dict[str, Any]]:
        """Copies of the saved state, by parameter."""
        params = self._params()
        self._require("state", saved)
        if unknown := saved.keys() - range(len(params)):
            raise ValueError(
                f"{self._name}: state must have keys from 0 to {len(params) - 1} "
                f"(got {unknown.pop()!r})"
            )
        state = {}
        for i, kept in saved.items():
            self._require(f"state[{i}]", kept)
            state[params[i]] = {
                key: self._fitting(f"state[{i}][{key!r}]", params[i], value)
                for key, value in kept.items()
            }
        return state

    def _fitting(self, name: str, param: Tensor, value: Any) -> Any:
        if isinstance(value, Tensor):
            value = value._array
        if isinstance(value, np.ndarray):
            if value.ndim == 0 and param.ndim:  # the step count of PyTorch is a float
                return int(value) if float(value).is_integer() else value.item()
            self._match(f"{name}.shape", value.shape, param.shape)
            if not np.can_cast(value.dtype, param.dtype, "same_kind"):
                raise TypeError(
                    f"{self._name}: {name}.dtype must fit into {param.dtype} (got {value.dtype})"
                )
            return value.astype(param.dtype, order="C")
        if isinstance(value, (int, float)):
            return value
        raise TypeError(
            f"{self._name}: {name} must be an array or a number (got {type(value).__name__})"
        )

    def _require(self, name: str, mapping: Any, keys: Iterable[str] = ()) -> None:
        if not isinstance(mapping, Mapping):
            raise TypeError(f"{self._name}: {name} must be a dict (got {type(mapping).__name__})")
        if missing := set(keys) - mapping.keys():
            raise ValueError(f"{self._name}: {name} must have {sorted(missing)}")

    def _match(self, name: str, got: Any, expected: Any) -> None:
        if got != expected:
            raise ValueError(f"{self._name}: {name} must be {expected} (got {got})")

    def _params(self) -> list[Tensor]:
        return [param for group in self.param_groups for param in group["params"]]

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group.keys() - {"params"})]
        return "\n".join([f"{self._name} (", *lines, ")"])


def _shared(value: Any) -> Any:
    return Tensor(value) if isinstance(value, np.ndarray) else value


def non_negative(function: str, **options: float) -> None:
    """Raise ValueError if an option is negative or not a number."""
    for name, value in options.items():
        if not value >= 0:
            raise ValueError(f"{function}: {name} must not be negative (got {value})")


def _hint(params: Any) -> str:
    """What to pass instead of a module, its method or a single tensor."""
    if hasattr(params, "parameters"):
        return "; pass model.parameters()"
    if callable(params):
        return "; call it, as in model.parameters()"
    return "; pass a list" if isinstance(params, Tensor) else ""
