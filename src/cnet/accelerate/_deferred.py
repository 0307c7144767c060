"""Attributes that a plan does not compute: the original computes them when they are read.

A forward function often stores what only its backward function reads, such as columns. A plan keeps
the inputs of the call instead. If such an attribute is read after all, the original runs on copies
of these inputs, in the method ``__getattr__`` that is added to the class.
"""

import weakref
from collections import OrderedDict
from collections.abc import Callable
from time import thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ._calls import undisturbed, with_values
from ._recorded import local
from ._values import rebuilt
from .explain.memory import copied, owner, viewed

if TYPE_CHECKING:
    from ._plans import Plan, Values


class Pending:
    """The last call by a plan that has left attributes out, for one instance."""

    def __init__(self, instance: Any, plan: "Plan", values: "Values") -> None:
        key = id(instance)
        self.owner = weakref.ref(instance, lambda _: pending.pop(key, None))
        self.plan = plan
        self.leaves = [values[index] for _, index in plan.leaves]
        """Arrays and numbers that the call could read."""
        self.arrays = {path: copied(values[index]) for path, index in plan.arrays.items()}
        """Copies of the arrays, by path."""
        self.held: dict[str, dict[Any, Any]] = {}
        """Dicts of the instance that lack items."""

    def number(self, path: str) -> Any:
        """A number that the call could read."""
        place = [known for known, _ in self.plan.leaves].index(path)
        return self.leaves[place]

    def again(self, values: "Values") -> None:
        """Another call by the same plan; its arrays are like those before."""
        self.leaves = [values[index] for _, index in self.plan.leaves]
        for kept, index in zip(self.arrays.values(), self.plan.arrays.values(), strict=True):
            kept[...] = values[index]


pending: dict[int, Pending] = {}
"""By the id of the instance."""


def defer(instance: Any, plan: "Plan", values: "Values") -> None:
    """Note that a call by `plan` has left its deferred attributes out."""
    state = instance.__dict__
    one = pending.get(id(instance))
    if one is not None and one.plan is plan:
        one.again(values)
    else:
        restore(instance)
        one = pending[id(instance)] = Pending(instance, plan, values)
    for name in plan.deferred:
        value = state.pop(name, None)
        if name in plan.held and value is not None:
            one.held[name] = value


def holds(instance: Any, name: str) -> bool:
    """Whether a dict of the instance is kept here."""
    one = pending.get(id(instance))
    return one is not None and name in one.held


def restore(instance: Any) -> None:
    """Set all attributes that are left out."""
    one = pending.pop(id(instance), None)
    if one is None:
        return
    missing = one.plan.deferred - instance.__dict__.keys()
    if missing:
        values = _computed(one)
        for name in missing:
            if name in one.held:
                one.held[name].update(values[name])
                values[name] = one.held[name]
            instance.__dict__[name] = values[name]


def _computed(one: Pending) -> dict[str, Any]:
    """The attributes, from a call of the original on copies of its inputs."""
    actual = {path: leaf for (path, _), leaf in zip(one.plan.leaves, one.leaves, strict=True)}
    values = actual | one.arrays
    roots = rebuilt(one.plan.tree, lambda node: values.get(node.path, node.value))
    for name in one.plan.held:
        roots[one.plan.own].__dict__[name] = {}
    args, kwargs = with_values(one.plan.places, roots)
    with undisturbed():
        one.plan.original(*args, **kwargs)
    back = {id(owner(copy)): (copy, actual[path]) for path, copy in one.arrays.items()}
    state = roots[one.plan.own].__dict__
    return {name: _with_actual(state[name], back) for name in one.plan.deferred}


def _with_actual(value: Any, back: dict[int, tuple[Array, Array]]) -> Any:
    """The value with the user's arrays, and views of them, in place of their copies."""
    if type(value) in (tuple, list):
        return type(value)([_with_actual(item, back) for item in value])
    if type(value) in (dict, OrderedDict):
        return type(value)({key: _with_actual(item, back) for key, item in value.items()})
    if not isinstance(value, np.ndarray) or id(owner(value)) not in back:
        return value
    copy, actual = back[id(owner(value))]
    if value is copy:
        return actual
    if copy.strides != actual.strides or not copy.flags.forc:
        return value
    offset = value.ctypes.data - copy.ctypes.data
    return viewed(actual, value.shape, value.strides, offset, value.flags.writeable)


# ---- Classes -------------------------------------------------------------------------------------

HOOKS = ("__getattr__", "__reduce_ex__")

_hooked: set[type] = set()


def may_defer(cls: type) -> bool:
    """Whether attributes of a class may be left out: it has no hooks and does not list them."""
    if cls in _hooked:
        return True
    own = [base for base in cls.__mro__ if base is not object and base not in _hooked]
    special = (
        "__getattr__",
        "__reduce_ex__",
        "__reduce__",
        "__getstate__",
        "__copy__",
        "__deepcopy__",
    )
    return not any(name in vars(base) for base in own for name in special) and not any(
        _lists_attributes(base) for base in own
    )


def _lists_attributes(cls: type) -> bool:
    names: set[str] = set()
    for value in vars(cls).values():
        function = getattr(value, "__wrapped__", value)
        code = getattr(function, "__code__", None)
        names.update(() if code is None else code.co_names)
    return not names.isdisjoint(("__dict__", "vars", "dir"))


def hook(cls: type) -> None:
    """Add the methods to a class that compute attributes when they are read, copied or pickled."""
    if cls in _hooked:
        return

    def __getattr__(self: Any, name: str) -> Any:
        one = pending.get(id(self))
        if one is not None and name in one.plan.deferred:
            start = thread_time()
            restore(self)
            one.plan.recomputed += thread_time() - start
            return self.__dict__[name]
        return object.__getattribute__(self, name)  # raises the error of a missing attribute

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        if not local.is_learning:
            restore(self)
        return object.__reduce_ex__(self, protocol)

    hooks: dict[str, Callable[..., Any]] = {
        "__getattr__": __getattr__, "__reduce_ex__": __reduce_ex__
    }  # fmt: skip
    for name, function in hooks.items():
        setattr(cls, name, function)
    _hooked.add(cls)


def unhook(cls: type) -> None:
    """Set what is left out, and remove the methods."""
    for one in list(pending.values()):
        instance = one.owner()
        if type(instance) is cls:
            restore(instance)
    if cls in _hooked:
        _hooked.discard(cls)
        for name in HOOKS:
            delattr(cls, name)
