"""Calls with fewer images: samples that take less time, and what they say of a call with all.

Code that loops over images takes time in proportion to them, so a function is learned from calls
with a few. One call with all of them shows then what depends on their number.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ._budget import FEW
from ._calls import Build, Existing, Leaf, Next, Number, Template, Unknown, View
from ._recorded import Recorded
from ._values import Refused, is_plain

CHOICES = range(FEW, 2 * FEW)
"""Numbers of images; fewer are not enough to tell what is normalized."""


class Different(Refused):
    """What a call does depends on the number of images in another way than by its sizes."""


def few_of(count: int, sizes: Iterable[int]) -> int:
    """How many of `count` images to keep; 0 if that saves little.

    It is none of the sizes of other axes, which would hide how axes are ordered.
    """
    few = min(set(CHOICES) - set(sizes), default=count)
    return few if 2 * few <= count else 0


def with_few(call: Recorded, count: int, few: int) -> Recorded:
    """The call with the first images of all arrays that are arguments, or in lists of arguments.

    Objects hold these, too, where they have held the arguments; their other arrays stay as they
    are.
    """
    made: dict[int, Any] = {}
    result = mapped(call, _cutting(count, few, made))
    for value in result.args:
        if is_plain(type(value)):
            _exchange(vars(value), made)
    return result


def _exchange(held: Any, made: dict[int, Any], depth: int = 2) -> None:
    """Put other arrays in a dict or a list, and in those that it holds."""
    for key, value in [*(held.items() if isinstance(held, dict) else enumerate(held))]:
        if isinstance(value, np.ndarray):
            held[key] = made.get(id(value), value)
        elif type(value) in (dict, list) and depth:
            _exchange(value, made, depth - 1)


def mapped(call: Recorded, of: Callable[[Any], Any]) -> Recorded:
    """The call with other arguments, made of the old ones."""
    args = tuple(of(value) for value in call.args)
    kwargs = {key: of(value) for key, value in call.kwargs.items()}
    return Recorded(call.function, args, kwargs, call.result)


def _cutting(count: int, few: int, made: dict[int, Any]) -> Callable[[Any], Any]:
    """Cuts values, and notes in `made` what was made of which."""

    def cut(value: Any) -> Any:
        if id(value) not in made:
            made[id(value)] = cut_anew(value)
        return made[id(value)]

    def cut_anew(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            is_batch = value.ndim > 0 and value.shape[0] == count
            return value[:few].copy("K") if is_batch else value
        if type(value) is tuple and _is_shape(value) and value[0] == count:
            return (few, *value[1:])
        if type(value) in (tuple, list):
            return type(value)([cut(item) for item in value])
        if type(value) is dict:
            return {key: cut(item) for key, item in value.items()}
        return value

    return cut


def _is_shape(value: tuple[Any, ...]) -> bool:
    return len(value) >= 2 and all(type(item) is int for item in value)


def for_all(few: Template, full: Template) -> Template:
    """The template of a call with all images, from those of calls with a few and of one with all.

    Raises
    ------
    Different
        If they differ in more than sizes.
    """
    is_number = isinstance(few, (Existing, Number)) and isinstance(full, Leaf)
    if is_number or isinstance(few, (Unknown, Next)):
        return few
    if isinstance(few, Build) and isinstance(full, Build):
        if (few.kind, few.keys, few.items is None) == (full.kind, full.keys, full.items is None):
            pairs = zip(few.items or (), full.items or (), strict=True)
            items = None if few.items is None else tuple(for_all(a, b) for a, b in pairs)
            return replace(full, items=items)
        raise Different("it depends on the number of images")
    are_leaves = isinstance(few, Leaf) and isinstance(full, Leaf)
    are_views = isinstance(few, View) and isinstance(full, View) and few.of == full.of
    if few == full or are_leaves or are_views:
        return full
    raise Different("it depends on the number of images")
