"""Which functions of a target are watched, and their replacement by wrappers and back."""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from ._values import is_plain
from ._watched import Options, Watched

FORWARD = (
    "forward", "forwardpass", "forwardprop", "forwardpropagate", "forwardpropagation",
    "feedforward", "forwards", "foward", "fprop", "fwd", "propagate", "call",
)  # fmt: skip
"""Names of forward methods, the most specific first, without underscores and in lower case."""
BACKWARD = (
    "backward", "backwardpass", "backwardprop", "backprop", "backpropagate", "backpropagation",
    "backwardpropagate", "backwardpropagation", "bprop", "computegrads", "computegradients",
    "backwards", "backword", "bwd", "bp", "gradient", "gradientdescentstep",
)  # fmt: skip
TOGETHER = {"convolve": "forward", "pool": "forward", "train": "backward"}
"""Names of methods that belong to a layer if a class has one of each role."""
BACKWARD_FUNCTION = re.compile(r"_?(backward|backprop|back|bwd|grad)(?=_|$|[A-Z])", re.IGNORECASE)
FUNCTION = (
    "_conv", "_pool", "_maxpool", "_avgpool", "_dense", "_affine", "_relu", "_batchnorm",
    "_batch_norm", "convol", "forward",
)  # fmt: skip
"""What is in the names of functions that are watched in modules and classes, after an underscore
and in lower case."""


class Place:
    """Where a watched function belongs."""

    def __init__(self, owner: Any, name: str, raw: Any, watched: Watched, stem: str = "") -> None:
        self.owner = owner
        """A class, or the names of a module."""
        self.name, self.watched = name, watched
        self.raw = raw
        """What was there: the function, or its staticmethod."""
        self.stem = stem
        """What the forward and the backward function have in their names."""

    def put_back(self) -> None:
        if isinstance(self.owner, type):
            current = vars(self.owner).get(self.name)
            if getattr(current, "__func__", current) is self.watched.wrapper:
                setattr(self.owner, self.name, self.raw)
            return
        _replace(self.watched.wrapper, self.raw, self.owner)


places: list[Place] = []
"""All that is watched."""


def watched_in(owner: Any) -> list[Watched]:
    return [place.watched for place in places if place.owner is owner]


# ---- Finding -------------------------------------------------------------------------------------


def watch_class(
    cls: type, options: Options, forward: str | None = None, backward: str | None = None
) -> list[Watched]:
    """Watch the methods of a class, also where base classes define them."""
    bases = [base for base in reversed(cls.__mro__) if base is not object]
    names = dict.fromkeys(name for base in bases for name in vars(base))
    is_told = forward is not None or backward is not None
    roles = {name: role for name in names if (role := method_role(name, forward, backward))}
    if not is_told:
        roles = _pairs(names) | roles
    more = {name: TOGETHER[_short(name)] for name in names if _short(name) in TOGETHER}
    if {*more.values()} - {*roles.values()} == {"forward", "backward"}:
        roles |= more
    found = []
    for name, role in roles.items():
        owner = next((base for base in cls.__mro__ if name in vars(base)), None)
        if owner is None or not (owner is cls or _is_users(owner)):
            continue
        raw = vars(owner)[name]
        inner = getattr(raw, "__func__", raw) if isinstance(raw, staticmethod) else raw
        if not isinstance(inner, FunctionType):
            continue
        if hasattr(inner, "cnet_watched"):
            found.append(inner.cnet_watched)
            continue
        stem = "" if is_told else _stem(name)
        partner = _forward_of(owner, stem)
        watched = Watched(f"{owner.__qualname__}.{name}", inner, role, options, partner)
        is_static = isinstance(raw, staticmethod)
        setattr(owner, name, staticmethod(watched.wrapper) if is_static else watched.wrapper)
        found.append(_placed(Place(owner, name, raw, watched, stem)))
    return found


@cache
def method_role(name: str, forward: str | None = None, backward: str | None = None) -> str | None:
    """The role of a method by its name; None if it is neither a forward nor a backward method."""
    short = _short(name)
    if name == forward if forward else (short in FORWARD and name != "call"):
        return "forward"
    return "backward" if (name == backward if backward else short in BACKWARD) else None


def _pairs(names: Iterable[str]) -> dict[str, str]:
    """The roles of methods such as ``_conv_forward`` and ``_conv_backward``, if both are there."""
    found = {name: role for name in names if (role := function_role(name))}
    roles_of: dict[str, set[str]] = {}
    for name, role in found.items():
        roles_of.setdefault(_stem(name), set()).add(role)
    return {name: role for name, role in found.items() if len(roles_of[_stem(name)]) == 2}


def _stem(name: str) -> str:
    """The name without what tells its role: ``conv`` for ``_conv_backward``."""
    if method_role(name) or _short(name) in TOGETHER:
        return ""
    without = re.sub("_?forward", "", BACKWARD_FUNCTION.sub("", name), flags=re.I)
    return without.strip("_").lower()


@cache
def _short(name: str) -> str:
    return name.replace("_", "").lower()


def _is_users(owner: type) -> bool:
    return owner.__module__.split(".")[0] not in ("builtins", "abc", "typing", "numpy", "cnet")


def _forward_of(owner: type, stem: str) -> Callable[[Any], Watched | None]:
    """Finds the watched forward method for a backward method of `owner`, with the same stem.

    It is that of the same class, which a derived class may call, unless that is never called.
    """

    def partner(instance: Any) -> Watched | None:
        own, derived = _forward_in(owner, stem), _forward_in(type(instance), stem)
        return own if own is not None and own.calls else derived

    return partner


def _forward_in(cls: type, stem: str) -> Watched | None:
    """The watched forward method of a class."""
    methods = {
        place.name: place.watched
        for base in reversed(cls.__mro__)
        for place in places
        if place.owner is base
        and place.watched.role == "forward"
        and place.stem == stem
        and not place.watched.reason
    }
    order = {name: place for place, name in enumerate(FORWARD)}
    names = sorted(methods, key=lambda name: order.get(_short(name), len(order)))
    return methods[names[0]] if names else None


def watch_function(
    function: FunctionType, role: str, options: Options, partner: Watched | None = None,
    is_new: bool = False,
) -> Watched:  # fmt: skip
    """Watch a function; it is replaced in all modules that hold it, unless it is new."""
    if hasattr(function, "cnet_watched"):
        found: Watched = function.cnet_watched
        return found
    if partner is None:
        watched = Watched(function.__qualname__, function, role, options, _named_partner(function))
    else:
        watched = Watched(function.__qualname__, function, role, options, lambda _: partner)
    if not is_new:
        _replace(function, watched.wrapper, function.__globals__)
    return _placed(Place(function.__globals__, function.__name__, function, watched))


def _replace(old: Any, new: Any, own: dict[str, Any]) -> None:
    """Replace a function in its own module and in all others that hold it."""
    for names in [own, *(vars(m) for m in [*sys.modules.values()] if isinstance(m, ModuleType))]:
        for name in [name for name, value in names.copy().items() if value is old]:
            names[name] = new


def _named_partner(function: FunctionType) -> Callable[[Any], Watched | None]:
    """Finds the forward function of the same module with the same name but for the role."""
    stem = _stem(function.__name__)

    def partner(_: Any) -> Watched | None:
        for place in places:
            watched, original = place.watched, place.watched.original
            is_near = watched.role == "forward" and original.__globals__ is function.__globals__
            if is_near and _stem(original.__name__) == stem:
                return watched
        return None

    return partner


def watch_module(module: ModuleType, options: Options) -> list[Watched]:
    """Watch the classes and functions that a module defines."""
    found = []
    for value in [*vars(module).values()]:
        if not _is_in(value, module):
            continue
        if isinstance(value, type):
            found += watch_class(value, options)
        elif isinstance(value, FunctionType) and (role := function_role(value.__name__)):
            found.append(watch_function(value, role, options))
    return found


def _is_in(value: Any, module: ModuleType) -> bool:
    """Whether a class or function is defined in a module, or in a module of a package."""
    name = getattr(value, "__module__", None) or ""
    is_package = hasattr(module, "__path__")
    return name == module.__name__ or (is_package and name.startswith(f"{module.__name__}."))


@cache
def function_role(name: str) -> str | None:
    """The role of a function by its name; None if it is not one of a layer."""
    if BACKWARD_FUNCTION.search(name):
        return "backward"
    lower = f"_{name.lower()}"
    return "forward" if any(part in lower for part in FUNCTION) else None


def classes_in(instance: Any) -> Iterator[type]:
    """The classes of all objects that an object holds."""
    seen: set[int] = set()
    waiting = [instance]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
        elif is_plain(type(value)) and _is_users(type(value)):
            yield type(value)
            waiting += vars(value).values()


def _placed(place: Place) -> Watched:
    place.watched.give_back = place.put_back
    places.append(place)
    return place.watched


def _all_classes(cls: type) -> Iterator[type]:
    yield cls
    subclasses: list[type] = cls.__subclasses__()
    for sub in subclasses:
        yield from _all_classes(sub)


def unwatch(chosen: Iterable[Place]) -> None:
    """Put the originals back, and set what was left out."""
    for place in [*chosen]:
        place.watched.stop("off")
        if isinstance(place.owner, type) and place.watched.learned is not None:
            from . import _deferred

            for cls in _all_classes(place.owner):
                _deferred.unhook(cls)
        places.remove(place)


def places_of(target: Any) -> list[Place]:
    """The places that belong to a target of `cnet.accelerate`."""
    if isinstance(target, type):
        return [place for place in places if place.owner in target.__mro__]
    if isinstance(target, ModuleType):
        return [
            place for place in places
            if place.owner is vars(target) or _is_in(place.owner, target)
        ]  # fmt: skip
    if inspect.isfunction(target):
        return [place for place in places if target in (place.watched.wrapper, place.raw)]
    if isinstance(target, (tuple, list)):
        return [place for one in target for place in places_of(one)]
    classes = {base for cls in classes_in(target) for base in cls.__mro__}
    return [place for place in places if place.owner in classes]
