"""Callbacks that write the history to files."""

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

from ..._files import PathLike, atomic_write
from ..history import Row
from .callback import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class _HistoryFile(Callback):
    """Base of files with a row for each epoch.

    At the beginning, the file is written with the rows of the history, which for a resumed training
    are those of the epochs before; then each epoch appends a row.

    Parameters
    ----------
    path : str or os.PathLike
        The file. Its folder must exist; an earlier file is replaced.

    Raises
    ------
    OSError
        From the hooks, if the file cannot be written.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.fspath(path)

    def on_fit_begin(self, trainer: "Trainer") -> None:
        """Write the rows of the epochs that are complete."""
        atomic_write(self.path, self._begin(list(trainer.history)).encode())

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Append the row of the epoch."""
        row = trainer.history[-1]
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            file.write(self._line(row, first=len(trainer.history) == 1))

    def _begin(self, rows: list[Row]) -> str:
        return "".join(self._line(row, first=number == 0) for number, row in enumerate(rows))

    def _line(self, row: Row, first: bool) -> str:
        raise NotImplementedError


class CSVHistory(_HistoryFile):
    """Writes the history to a CSV file: a header, then a row for each epoch.

    At the beginning of `fit`, the file is replaced by the rows of the history. So the file of a
    resumed training continues, and has no row twice.

    Parameters
    ----------
    path : str or os.PathLike
        The file; its folder must exist.

    Raises
    ------
    OSError
        From the hooks, if the file cannot be written.

    Examples
    --------
    >>> from cnet.training import CSVHistory
    >>> callback = CSVHistory("history.csv")
    """

    def _line(self, row: Row, first: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if first:
            writer.writeheader()
        writer.writerow(row)
        return text.getvalue()


class JSONLHistory(_HistoryFile):
    """Writes the history to a file with a JSON object for each epoch; otherwise as `CSVHistory`.

    Parameters
    ----------
    path : str or os.PathLike
        The file; its folder must exist.

    Examples
    --------
    >>> from cnet.training import JSONLHistory
    >>> callback = JSONLHistory("history.jsonl")
    """

    def _line(self, row: Row, first: bool) -> str:
        return json.dumps(row, allow_nan=False) + "\n"


class TensorBoard(Callback):
    """Writes the history as scalars for TensorBoard, with the epoch as the step.

    A resumed training continues in the same folder; epochs that it trains again are shown once.

    Parameters
    ----------
    log_dir : str
        The folder of the records.
    **kwargs
        Further arguments of `cnet.utils.tensorboard.SummaryWriter`.

    Raises
    ------
    ImportError
        At the beginning of `fit`, if tensorboardX is not installed.

    Examples
    --------
    >>> from cnet.training import TensorBoard
    >>> callback = TensorBoard("runs/first/tensorboard")
    """

    def __init__(self, log_dir: str, **kwargs: Any) -> None:
        self.log_dir = log_dir
        self.kwargs = kwargs
        self._writer: Any = None

    def on_fit_begin(self, trainer: "Trainer") -> None:
        """Open the records."""
        from ...utils.tensorboard import SummaryWriter

        purge = {"purge_step": len(trainer.history) + 1} if trainer.history else {}
        self._writer = SummaryWriter(self.log_dir, **(purge | self.kwargs))

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Write the row of the epoch."""
        row = dict(trainer.history[-1])
        epoch = row.pop("epoch")
        row["lr"] = float(trainer.optimizer.param_groups[0]["lr"])
        for name, value in row.items():
            part, _, quantity = name.partition("_")
            tag = f"{quantity}/{part}" if part in ("train", "test") else name
            self._writer.add_scalar(tag, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the records."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
