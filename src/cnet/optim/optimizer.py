"""Optimizer: groups of parameters, their options, and the state of the update rule."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property, wraps
from typing import Any, TypeAlias

import numpy as np

from .._explained import Explained
from .._warning import warn
from ..autograd.propagation import zero_grad
from ..modes import current
from ..tensor import Tensor
from .hooks import Hooks

Params: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Closure: TypeAlias = Callable[[], Any]


class _Required:
    """The default of an option that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _run_hooks_around(step: Callable[..., Any]) -> Callable[..., Any]:
    """The method `step` of a class, with the registered hooks before and after it."""

    @wraps(step)
    def run(self: "Optimizer", *args: Any, **kwargs: Any) -> Any:
        if type(self).step is not run:  # called by the step of a subclass
            return step(self, *args, **kwargs)
        recorder = current.recorder
        if recorder is None:
            return with_hooks(self, *args, **kwargs)
        return recorder.update(self, lambda: with_hooks(self, *args, **kwargs), args or kwargs)

    def with_hooks(self: "Optimizer", *args: Any, **kwargs: Any) -> Any:
        arguments, kwargs = self._hooks.replaced("step_pre", self, (self, *args), kwargs)
        result = step(*arguments, **kwargs)
        self._opt_called = True
        self._hooks.run("step_post", self, arguments, kwargs)
        return result

    return run


class Optimizer(Explained):
    """Base class of all optimizers.

    A subclass passes its default options to ``super().__init__`` and defines `step`, which updates
    the tensors in ``group["params"]`` of each group in `param_groups`, usually under `no_grad`.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor), or of dict
        The parameters, parameters with their names, or groups of parameters. A group is a dict with
        ``"params"`` and any options that differ from the defaults.
    defaults : dict
        The default options of all groups.

    Attributes
    ----------
    param_groups : list of dict
        Each dict has ``"params"``, a list of tensors, and all options. Options may be changed at
        any time. Groups of named parameters also have ``"param_names"``.
    state : dict of Tensor to dict
        The state of the update rule for each parameter, created in its first update.
    defaults : dict
        The default options.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors, named tensors or groups of them.
    ValueError
        If `params` is empty, a parameter is in two groups or not a leaf, or an option has an
        invalid value.

    Examples
    --------
    >>> import cnet
    >>> class SignDescent(cnet.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     @cnet.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 p -= group["lr"] * (p.grad > 0)
    >>> w = cnet.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = SignDescent([w])
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([0.9, 1.9])
    """

    _scalars: frozenset[str] = frozenset({"step"})
    """Names of entries of the state that keep their dtype when they are loaded."""
    _opt_called = False
    """Whether `step` was called; schedulers warn if it was not."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _run_hooks_around(cls.step)  # type: ignore[method-assign]

    @cached_property
    def _hooks(self) -> Hooks:
        # Made when used: wrappers of another optimizer often do not call `__init__`.
        return Hooks()

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
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

    # Groups

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
            If a tensor is already in another group or is not a leaf, only some tensors have names,
            or an option is missing or has an invalid value.

        Warns
        -----
        UserWarning
            If a tensor is twice in the group; each step then updates it twice.

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
        group = {**self.defaults, **param_group, **self._named(params)}
        for name, value in group.items():
            if value is required:
                raise ValueError(f"{self._name}: a group must have the option {name!r}")
        self._check_params(group)
        self._check(group)
        self.param_groups.append(group)

    def _listed(self, name: str, params: Any, items: str) -> list[Any]:
        """The items of an ordered iterable that is not a tensor, mapping or string."""
        if isinstance(params, (set, frozenset)):
            raise TypeError(
                f"{self._name}: {name} must have a fixed order (got a set); pass a list"
            )
        if isinstance(params, (Tensor, np.ndarray, Mapping, str)) or not hasattr(
            params, "__iter__"
        ):
            raise TypeError(
                f"{self._name}: {name} must be an iterable of {items} "
                f"(got {type(params).__name__}){_hint(params)}"
            )
        return list(params)

    def _named(self, params: list[Any]) -> dict[str, Any]:
        """``"params"`` of a group, and ``"param_names"`` if the parameters have names."""
        pairs = [param for param in params if isinstance(param, tuple) and len(param) == 2]
        if not pairs:
            return {"params": params}
        if len(pairs) != len(params):
            raise ValueError(
                f"{self._name}: either all parameters of a group must have names or none"
            )
        return {"params": [param for _, param in pairs], "param_names": [name for name, _ in pairs]}

    def _check_params(self, group: dict[str, Any]) -> None:
        params = group["params"]
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"{self._name}: a parameter must be a tensor (got {type(param).__name__})"
                    f"{_hint(param)}"
                )
            if not param.is_leaf:
                raise ValueError(f"{self._name}: a parameter must be a leaf of the graph")
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                raise ValueError(f"{self._name}: either all groups must have names or none")
        ids = {id(param) for param in params}
        if len(ids) < len(params):
            warn(
                f"{self._name}: a group contains a parameter twice, so that each step updates it "
                "twice"
            )
        if any(id(param) in ids for param in self._all_params()):
            raise ValueError(f"{self._name}: a parameter must not be in two groups")

    def _check(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group has an invalid value."""

    def _all_params(self) -> Iterator[Tensor]:
        return (param for group in self.param_groups for param in group["params"])

    # Steps

    def _entries(self, options: dict[str, Any]) -> tuple[str, ...] | None:
        """The entries of the state that the kernel of the update takes, in its order.

        None if the update of a parameter is not a single call of a kernel, which has the arguments
        parameter, gradient, these entries and `_numbers`.
        """
        return None

    def _progress(self, state: dict[str, Any], is_first: bool) -> int:
        """The number that differs between parameters which were updated more or less often.

        If it is the number of the step in `state`, that increases by 1. `state` maps names to
        arrays; `is_first` tells whether an entry of it is new.
        """
        raise NotImplementedError

    def _numbers(self, progress: int, options: dict[str, Any]) -> dict[str, float]:
        """The numbers that the kernel of the update takes, in its order."""
        raise NotImplementedError

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        """The options of a group."""
        return {name: value for name, value in group.items() if name != "params"}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or to zero if `set_to_none` is False."""
        zero_grad(self._all_params(), set_to_none)

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters; defined by subclasses.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients and returns the loss.

        Returns
        -------
        The loss that `closure` returned, or None.
        """
        raise NotImplementedError(f"{self._name} must define step")

    # State

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
        self._hooks.run("state_dict_pre", self)
        positions: dict[int, int] = {}
        for param in self._all_params():
            positions.setdefault(id(param), len(positions))
        result = {
            "state": {
                positions[id(key)] if isinstance(key, Tensor) else key: dict(state)
                for key, state in self.state.items()
                if state
            },
            "param_groups": [
                {**group, "params": [positions[id(param)] for param in group["params"]]}
                for group in self.param_groups
            ],
        }
        return dict(self._hooks.replaced("state_dict_post", self, result))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`, for parameters of the same shapes in the same order.

        Parameters
        ----------
        state_dict : mapping
            The result of `state_dict`, also one of PyTorch's; it is copied. Arrays become tensors,
            and floats get the dtype of their parameter, except the number of the step.

        Raises
        ------
        TypeError, ValueError
            If groups, options, shapes or dtypes do not match; the optimizer is then unchanged.
        """
        self._require("state_dict", state_dict, ("state", "param_groups"))
        state_dict = self._hooks.replaced("load_pre", self, dict(state_dict))
        saved = state_dict["param_groups"]
        groups = self._fitting_groups(saved)
        keys = [key for options in saved for key in options["params"]]
        params = dict(zip(keys, self._all_params(), strict=True))
        state = self._fitting_state(state_dict["state"], params)
        for group, options in zip(self.param_groups, groups, strict=True):
            group.update(options)
        self.__setstate__({"state": state, "param_groups": self.param_groups})
        self._hooks.run("load_post", self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set attributes; a subclass may extend it to add options that older states lack."""
        vars(self).update(state)

    def _fitting_groups(self, saved: Any) -> list[dict[str, Any]]:
        """Copies of the saved options, one dict for each group."""
        self._match("len(param_groups)", len(saved), len(self.param_groups))
        groups = []
        for i, (options, group) in enumerate(zip(saved, self.param_groups, strict=True)):
            name = f"param_groups[{i}]"
            self._require(name, options, ("params",))
            self._match(f"len({name}['params'])", len(options["params"]), len(group["params"]))
            copied = deepcopy({k: v for k, v in options.items() if k != "params"})
            groups.append(self._completed(name, copied))
            self._check(groups[-1])
        return groups

    def _completed(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """Saved options, with the defaults of options that may be missing."""
        return {**self.defaults, **options}

    def _fitting_state(
        self, saved: Any, params: dict[Any, Tensor]
    ) -> defaultdict[Any, dict[str, Any]]:
        """Copies of the saved state, by parameter."""
        self._require("state", saved)
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in saved.items():
            self._require(f"state[{key!r}]", value)
            if key in params:
                state[params[key]] = {
                    name: self._fitting(f"state[{key!r}][{name!r}]", params[key], name, item)
                    for name, item in value.items()
                }
            elif isinstance(key, int):
                raise ValueError(
                    f"{self._name}: state must have the keys of param_groups (got {key})"
                )
            else:
                state[key] = deepcopy(value)
        return state

    def _fitting(self, name: str, param: Tensor, key: Any, value: Any) -> Any:
        """A copy of an entry of the state, or of a part of it, that fits its parameter."""
        if isinstance(value, (Tensor, np.ndarray)):
            array = value._array if isinstance(value, Tensor) else value
            return Tensor(self._fitting_array(name, param, key, array))
        if isinstance(value, Mapping):
            return {k: self._fitting(f"{name}[{k!r}]", param, k, v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._fitting(name, param, None, item) for item in value)
        return deepcopy(value)

    def _fitting_array(self, name: str, param: Tensor, key: Any, array: Any) -> Any:
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"{self._name}: {name}.dtype must fit into {param.dtype} (got {array.dtype})"
            )
        keeps_dtype = key in self._scalars or array.dtype.kind != "f" or param.dtype.kind != "f"
        return np.array(array, array.dtype if keeps_dtype else param.dtype, order="C")

    def _require(self, name: str, mapping: Any, keys: Iterable[str] = ()) -> None:
        if not isinstance(mapping, Mapping):
            raise TypeError(f"{self._name}: {name} must be a dict (got {type(mapping).__name__})")
        if missing := set(keys) - mapping.keys():
            raise ValueError(f"{self._name}: {name} must have {sorted(missing)}")

    def _match(self, name: str, got: Any, expected: Any) -> None:
        if got != expected:
            raise ValueError(f"{self._name}: {name} must be {expected} (got {got})")

    # Hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(optimizer, args, kwargs)`` before each `step`.

        `args` begins with the optimizer. The hook may return a pair of other arguments. The result
        is a handle: ``handle.remove()`` removes the hook.
        """
        return self._hooks.add("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(optimizer, args, kwargs)`` after each `step`; returns a handle."""
        return self._hooks.add("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Any:
        """Call ``hook(optimizer)`` before `state_dict`; returns a handle."""
        return self._hooks.add("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Any:
        """Call ``hook(optimizer, state_dict)`` after `state_dict`; returns a handle.

        The hook may change the dict, or return another one.
        """
        return self._hooks.add("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> Any:
        """Call ``hook(optimizer, state_dict)`` before `load_state_dict`; returns a handle.

        The hook gets a shallow copy, which it may change, or returns another dict.
        """
        return self._hooks.add("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> Any:
        """Call ``hook(optimizer)`` after `load_state_dict`; returns a handle."""
        return self._hooks.add("load_post", hook, prepend)

    def __repr__(self) -> str:
        text = f"{self._name} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            names = sorted(group.keys() - {"params"})
            text += "".join([f"    {name}: {group[name]}\n" for name in names])
        return text + ")"


def _hint(params: Any) -> str:
    """What to pass instead of a module, its method or a single tensor."""
    if hasattr(params, "parameters"):
        return "; pass model.parameters()"
    if callable(params):
        return "; call it, as in model.parameters()"
    return "; pass a list" if isinstance(params, Tensor) else ""
