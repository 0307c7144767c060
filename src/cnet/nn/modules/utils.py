"""Helpers of layers that public code imports from ``torch.nn.modules.utils``."""

from collections.abc import Callable, Iterable
from typing import Any


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that repeats one value `n` times, and makes a tuple of several values."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The items in reverse order, each `n` times: the order of `functional.pad`."""
    return tuple([x for x in reversed(t) for _ in range(n)])


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Remove a prefix, such as ``module.`` of `DataParallel`, from the names in a state dict.

    Parameters
    ----------
    state_dict : dict of str to Tensor
        Is changed in place.
    prefix : str
        The prefix; names without it do not change.

    Examples
    --------
    >>> from cnet.nn.modules.utils import consume_prefix_in_state_dict_if_present
    >>> state = {"module.weight": 1}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'weight': 1}
    """
    metadata = getattr(state_dict, "_metadata", {})
    for names, start in ((state_dict, prefix), (metadata, prefix)):
        for name in list(names):
            if name.startswith(start) or name == start.rstrip("."):
                names[name[len(start) :]] = names.pop(name)
