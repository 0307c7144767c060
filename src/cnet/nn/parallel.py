"""PyTorch's wrappers for several devices, which pass all calls on: there is only the CPU.

The functions that move data between GPUs can be imported, also from PyTorch's modules of this
package, and raise RuntimeError.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._refused import refused
from .module import Module
from .norm.batch import _BatchNorm

__all__ = ["DataParallel", "DistributedDataParallel", "SyncBatchNorm", "data_parallel"]


class _Wrapper(Module):
    """A module that calls another one, its attribute `module`."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


class DataParallel(_Wrapper):
    """Call `module`, as PyTorch's class does on a machine without a GPU.

    Parameters
    ----------
    module : Module
        The module, which is stored as `module`; names in `state_dict` begin with ``module.``.
    device_ids, output_device, dim : optional
        Have no effect.

    Examples
    --------
    >>> from cnet import nn
    >>> list(nn.DataParallel(nn.Linear(2, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__(module)
        self.device_ids: list[int] = []
        self.dim = dim


class DistributedDataParallel(_Wrapper):
    """Call `module`, as PyTorch's class does in a group of one process.

    Parameters
    ----------
    module : Module
        The module, which is stored as `module`; names in `state_dict` begin with ``module.``.
    *args, **kwargs
        Have no effect.

    Raises
    ------
    RuntimeError
        If the environment variable ``WORLD_SIZE`` is more than 1.

    Examples
    --------
    >>> from cnet import nn
    >>> nn.parallel.DistributedDataParallel(nn.ReLU()).module
    ReLU()
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        size = os.environ.get("WORLD_SIZE", "1")
        if size != "1":
            raise RuntimeError(
                f"DistributedDataParallel: only one process is supported (got WORLD_SIZE={size})"
            )
        super().__init__(module)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A context in which gradients are not synchronized, which they never are."""
        yield


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call `module` with `inputs`, one argument or a tuple; the other arguments have no effect."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*args, **(module_kwargs or {}))


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over all processes, of which there is one: see `BatchNorm2d`.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats
        As for `BatchNorm2d`; the input may have 2 to 5 dimensions.
    process_group : optional
        Has no effect.

    Examples
    --------
    >>> from cnet import nn
    >>> nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm2d(3)))[0].num_features
    3
    """

    dimensions = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, **options)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Replace all layers of batch normalisation in a module by layers of this class.

        Parameters
        ----------
        module : Module
            The module, which is changed, or a layer of batch normalisation.
        process_group : optional
            Has no effect.

        Returns
        -------
        Module
            The module, or the new layer with the same parameters and buffers.
        """
        if isinstance(module, _BatchNorm):
            layer = cls.__new__(cls)
            attributes = vars(module).items()
            layer.__setstate__({k: dict(v) if type(v) is dict else v for k, v in attributes})
            return layer
        for name, child in list(module.named_children()):
            setattr(module, name, cls.convert_sync_batchnorm(child))
        return module


# ---- What moves data between GPUs ----------------------------------------------------------------


for _name in (
    "Broadcast", "Gather", "ReduceAddCoalesced", "Scatter", "gather", "parallel_apply", "replicate",
    "scatter", "scatter_kwargs",
):  # fmt: skip
    globals()[_name] = refused(
        f"nn.parallel.{_name}", ": there is no GPU: all tensors are on the CPU", RuntimeError
    )
for _path in (
    "_functions", "data_parallel", "distributed", "parallel_apply", "replicate", "scatter_gather",
):  # fmt: skip
    sys.modules[f"{__name__}.{_path}"] = sys.modules[__name__]
