"""The text of a tensor, and how its numbers are printed."""

from typing import Any

import numpy as np

from .arrays import Array
from .dtypes import get_default_dtype

__all__ = ["set_printoptions"]

_DEFAULTS: dict[str, Any] = {
    "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
}  # fmt: skip
_PROFILES: dict[str, dict[str, Any]] = {
    "default": _DEFAULTS,
    "short": _DEFAULTS | {"precision": 2, "edgeitems": 2},
    "full": _DEFAULTS | {"threshold": float("inf")},
}
_options = dict(_DEFAULTS)


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Set how tensors are printed.

    Parameters
    ----------
    precision : int, default 4
        The number of digits after the decimal point.
    threshold : int, default 1000
        Tensors of more elements are summarised.
    edgeitems : int, default 3
        How many elements a summary shows at the beginning and the end of each dimension.
    linewidth : int, default 80
        The number of characters in a line.
    profile : {"default", "short", "full"}, optional
        Values for all options that are not given.
    sci_mode : bool, optional
        Whether to print numbers like 1.0000e+03; by default only where needed.

    Raises
    ------
    ValueError
        If there is no such profile.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_printoptions(precision=2)
    >>> cnet.tensor([1.2345])
    tensor([1.23])
    >>> cnet.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"set_printoptions: profile must be one of {', '.join(_PROFILES)} (got {profile!r})"
            )
        _options.update(_PROFILES[profile])
    given = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth, "sci_mode": sci_mode,
    }  # fmt: skip
    _options.update({name: value for name, value in given.items() if value is not None})


def text(array: Array, origin: str) -> str:
    """The text of a tensor; `origin` tells its place in the graph."""
    start = "tensor("
    precision, scientific = _options["precision"], _options["sci_mode"]
    formatter: Any = None
    if scientific is not None and array.dtype.kind == "f":
        form = "e" if scientific else "f"
        formatter = {"float_kind": lambda number: f"{number:.{precision}{form}}"}
    elements = np.array2string(
        array, max_line_width=_options["linewidth"], precision=precision, separator=", ",
        prefix=start, threshold=_options["threshold"], edgeitems=_options["edgeitems"],
        formatter=formatter,
    )  # fmt: skip
    if array.size == 0:
        elements += f", shape={array.shape}"
    if array.dtype not in (get_default_dtype(), np.int64, np.bool_):
        elements += f", dtype={array.dtype}"
    return f"{start}{elements}{origin})"
