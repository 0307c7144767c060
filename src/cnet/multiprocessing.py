"""`torch.multiprocessing`: the module of Python, and `spawn`.

Tensors that are sent to another process are copied.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing import *  # noqa: F403
from typing import Any

__all__ = ["get_sharing_strategy", "set_sharing_strategy", "spawn"]


def spawn(
    fn: Callable[..., None],
    args: Sequence[Any] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> Any:
    """Call a function in new processes.

    Parameters
    ----------
    fn : callable
        Called as ``fn(i, *args)`` in the process with the number ``i``.
    args : tuple
        Further arguments; processes get copies.
    nprocs : int, default 1
        The number of processes.
    join : bool, default True
        Whether to wait until all processes have finished.
    daemon : bool, default False
        Whether the processes end when this one does.
    start_method : {"spawn", "fork", "forkserver"}
        How a process starts.

    Returns
    -------
    list of multiprocessing.Process or None
        The processes, or None if `join` is true.

    Raises
    ------
    RuntimeError
        If a process failed, and `join` is true.

    Examples
    --------
    >>> import cnet.multiprocessing as mp
    >>> mp.spawn(print, args=("is the number",), nprocs=2)  # doctest: +SKIP
    """
    context: Any = multiprocessing.get_context(start_method)
    processes = [
        context.Process(target=fn, args=(number, *args), daemon=daemon) for number in range(nprocs)
    ]
    for process in processes:
        process.start()
    if not join:
        return processes
    for process in processes:
        process.join()
    failed = {n: process.exitcode for n, process in enumerate(processes) if process.exitcode}
    if failed:
        raise RuntimeError(f"spawn: processes failed (exit code of each: {failed})")
    return None


def set_sharing_strategy(new_strategy: str) -> None:
    """Has no effect: tensors are copied to other processes."""


def get_sharing_strategy() -> str:
    """How tensors are sent to other processes: "file_descriptor", the default of PyTorch."""
    return "file_descriptor"
