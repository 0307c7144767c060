"""The history of a training: one row of numbers for each epoch."""

from collections.abc import Mapping
from typing import TypeAlias

from .._tables import html_table

Row: TypeAlias = dict[str, float]
"""One epoch of a history."""


def _shown(value: float) -> str:
    """A number of a row as text."""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


class History(list[Row]):
    """A list of rows that notebooks show as a table.

    Examples
    --------
    >>> from cnet.training import History
    >>> History([{"epoch": 1, "train_loss": 0.5}])
    [{'epoch': 1, 'train_loss': 0.5}]
    """

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for row in self for name in row))
        rows = [[_shown(row[name]) if name in row else "" for name in names] for row in self]
        return html_table(names, rows, left=0)


def monitored(owner: str, row: Mapping[str, float], name: str) -> float:
    """A value of a row that a callback watches."""
    if name not in row:
        raise ValueError(
            f"{owner}: monitor must be a name in the history (got {name!r}, not in {list(row)})"
        )
    return row[name]
