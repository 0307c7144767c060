"""The classes of `cnet._dataclasses` against those of `dataclasses`."""

import copy
import dataclasses
import pickle
from types import ModuleType
from typing import Any

import pytest

from cnet import _dataclasses


def classes(module: Any) -> tuple[type, type, type]:
    @module.dataclass(frozen=True)
    class Point:
        x: float
        y: float = 0.0
        names: list[str] = module.field(default_factory=list, compare=False)

    @module.dataclass(frozen=True)
    class Named(Point):
        name: str = ""

    @module.dataclass
    class Sum:
        terms: tuple[int, ...]
        total: int = module.field(init=False, compare=False)

        def __post_init__(self) -> None:
            self.total = sum(self.terms)

    return Point, Named, Sum


MODULES = [_dataclasses, dataclasses]


@pytest.mark.parametrize("module", MODULES, ids=["cnet", "standard"])
def test_instances(module: ModuleType) -> None:
    Point, Named, Sum = classes(module)
    one, other = Point(1.0), Point(x=1.0, y=0.0, names=["a"])
    assert len({one, other, Point(1.0), Point(1.0, 2.0)}) == 2
    assert one.names is not Point(1.0).names
    assert (one.names, other.names) == ([], ["a"])
    assert Named(1.0, name="a") != Named(1.0) == Named(1.0) != one
    assert repr(Named(1.0, 2.0)).endswith("Named(x=1.0, y=2.0, names=[], name='')")
    assert Sum((1, 2)).total == 3
    assert Sum((1,)) == Sum((1,)) != Sum((2,))
    assert copy.deepcopy(other) == other
    with pytest.raises(TypeError):
        hash(Sum((1,)))


@pytest.mark.parametrize("module", MODULES, ids=["cnet", "standard"])
@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"z": 2}), ((1,), {"x": 2})]
)
def test_wrong_arguments(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        classes(module)[0](*args, **kwargs)


@pytest.mark.parametrize("module", MODULES, ids=["cnet", "standard"])
def test_copies_with_other_values(module: Any) -> None:
    _, Named, Sum = classes(module)
    one = Named(1.0, names=["a"])
    changed = module.replace(one, y=3.0)
    assert (changed.x, changed.y, changed.names, one.y) == (1.0, 3.0, ["a"], 0.0)
    assert module.replace(Sum((1,)), terms=(4,)).total == 4
    assert module.astuple(one) == (1.0, 0.0, ["a"], "")


def test_identity() -> None:
    @_dataclasses.dataclass(eq=False)
    class Node:
        value: int = 0

        def __repr__(self) -> str:
            return "node"

    assert len({Node(), Node()}) == 2
    assert repr(Node()) == "node"


def test_pickles() -> None:
    from cnet.accelerate._history import Past

    past = Past(1.0, refusal="no")
    assert pickle.loads(pickle.dumps(past)) == past
