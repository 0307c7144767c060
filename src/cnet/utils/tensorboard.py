"""Records for TensorBoard, written by tensorboardX."""

from typing import Any, Self

from .._warning import warn
from ..tensor import Tensor


def _plain(value: Any) -> Any:
    """The same value with arrays in place of tensors."""
    if isinstance(value, Tensor):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value


class SummaryWriter:
    """The writer of tensorboardX, whose ``add_…`` methods also accept tensors.

    Parameters
    ----------
    log_dir : str, optional
        The folder of the records, by default a new one in ``runs``.
    **kwargs
        The other parameters of ``tensorboardX.SummaryWriter``.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.

    Examples
    --------
    >>> from cnet.utils.tensorboard import SummaryWriter
    >>> with SummaryWriter("runs/first") as writer:  # doctest: +SKIP
    ...     writer.add_scalar("loss", loss, step)
    """

    def __init__(self, log_dir: str | None = None, **kwargs: Any) -> None:
        try:
            import tensorboardX
        except ImportError as error:
            raise ImportError(
                "SummaryWriter: needs tensorboardX: pip install 'cnet-nn[tensorboard]'"
            ) from error
        self._writer = tensorboardX.SummaryWriter(log_dir, **kwargs)

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing, with a warning: `cnet.graph` shows a graph."""
        warn("SummaryWriter.add_graph: writes nothing; use cnet.graph to show a graph")

    def __getattr__(self, name: str) -> Any:
        if name == "_writer":
            raise AttributeError(name)
        value = getattr(self._writer, name)
        if not name.startswith("add_"):
            return value
        return lambda *args, **kwargs: value(*map(_plain, args), **_plain(kwargs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._writer.close()
