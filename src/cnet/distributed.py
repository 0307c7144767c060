"""`torch.distributed` in a program of one process.

A group of one process can be made; its collective operations leave tensors as they are. Programs
that ask `is_initialized` run without a group. Several processes are refused.
"""

import os
from typing import Any, NoReturn

from .tensor import Tensor

__all__ = [
    "ReduceOp", "all_gather", "all_reduce", "barrier", "broadcast", "destroy_process_group",
    "get_backend", "get_rank", "get_world_size", "init_process_group", "is_available",
    "is_initialized", "is_nccl_available", "reduce",
]  # fmt: skip

_backend: str | None = None


class ReduceOp:
    """The operations of `all_reduce` and `reduce`, all the same for one process."""

    SUM, AVG, PRODUCT, MIN, MAX = "sum", "avg", "product", "min", "max"


def is_available() -> bool:
    """Whether a group can be made: true, for one process."""
    return True


def is_nccl_available() -> bool:
    """Whether GPUs can communicate: always false."""
    return False


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return _backend is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    **options: Any,
) -> None:
    """Make a group of this process alone.

    Parameters
    ----------
    backend : str, default "gloo"
        A name, which `get_backend` returns; "nccl" is for GPUs and refused.
    world_size : int, optional
        The number of processes, which must be 1; by default the environment variable
        ``WORLD_SIZE``, or 1.
    init_method, timeout, rank, **options
        Have no effect.

    Raises
    ------
    RuntimeError
        If there are several processes, the backend needs a GPU, or there is a group already.

    Examples
    --------
    >>> import cnet.distributed as dist
    >>> dist.init_process_group("gloo", rank=0, world_size=1)
    >>> dist.get_rank(), dist.get_world_size()
    (0, 1)
    >>> dist.destroy_process_group()
    """
    global _backend
    f = "init_process_group"
    size = int(os.environ.get("WORLD_SIZE", "1")) if world_size == -1 else world_size
    if size != 1:
        raise RuntimeError(f"{f}: only one process is supported (got world_size {size})")
    if backend is not None and "nccl" in backend:
        raise RuntimeError(f"{f}: backend {backend!r} needs a GPU; use 'gloo'")
    if _backend is not None:
        raise RuntimeError(f"{f}: there is a group already (backend {_backend!r})")
    _backend = backend or "gloo"


def destroy_process_group(group: Any = None) -> None:
    """End the group."""
    global _backend
    _require_group("destroy_process_group")
    _backend = None


def get_backend(group: Any = None) -> str:
    """The name of the backend that was given to `init_process_group`."""
    return _require_group("get_backend")


def get_rank(group: Any = None) -> int:
    """The number of this process: 0."""
    _require_group("get_rank")
    return 0


def get_world_size(group: Any = None) -> int:
    """The number of processes: 1."""
    _require_group("get_world_size")
    return 1


def barrier(*args: Any, **kwargs: Any) -> None:
    """Wait for all processes, of which there is one."""
    _require_group("barrier")


def all_reduce(tensor: Tensor, op: Any = ReduceOp.SUM, *args: Any, **kwargs: Any) -> None:
    """Reduce a tensor over all processes, which leaves it as it is."""
    _require_group("all_reduce")


def reduce(
    tensor: Tensor, dst: int | None = None, op: Any = ReduceOp.SUM, *args: Any, **kwargs: Any
) -> None:
    """Reduce a tensor over all processes, which leaves it as it is."""
    _require_group("reduce")


def broadcast(tensor: Tensor, src: int | None = None, *args: Any, **kwargs: Any) -> None:
    """Send a tensor to all processes, which leaves it as it is."""
    _require_group("broadcast")


def all_gather(tensor_list: list[Tensor], tensor: Tensor, *args: Any, **kwargs: Any) -> None:
    """Copy the tensor of each process into a tensor of the list, which must have one."""
    _require_group("all_gather")
    if len(tensor_list) != 1:
        raise ValueError(
            f"all_gather: tensor_list must have one tensor for each process (got "
            f"{len(tensor_list)} and 1 process)"
        )
    tensor_list[0].copy_(tensor)


def _require_group(function: str) -> str:
    if _backend is None:
        raise ValueError(f"{function}: there is no process group; call init_process_group")
    return _backend


_REFUSED = {
    "Backend", "P2POp", "PrefixStore", "ProcessGroup", "Store", "Work", "all_gather_coalesced",
    "all_gather_into_tensor", "all_gather_object", "all_reduce_coalesced", "all_to_all",
    "all_to_all_single", "batch_isend_irecv", "broadcast_object_list", "gather", "gather_object",
    "get_global_rank", "get_group_rank", "get_node_local_rank", "get_process_group_ranks", "irecv",
    "isend", "monitored_barrier", "new_group", "new_subgroups", "new_subgroups_by_enumeration",
    "recv", "recv_object_list", "reduce_scatter", "reduce_scatter_tensor", "scatter",
    "scatter_object_list", "send", "send_object_list", "split_group",
}  # fmt: skip
"""Functions and classes of PyTorch that need several processes."""


def __getattr__(name: str) -> Any:
    if name not in _REFUSED:
        raise AttributeError(f"module 'cnet.distributed' has no attribute {name!r}")

    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"distributed.{name}: only one process is supported")

    return refused
