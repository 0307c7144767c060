"""`torch.cuda` without a GPU: questions are answered, and work on a GPU raises RuntimeError."""

from typing import Any, NoReturn

from ..dtypes import TENSOR_TYPES
from . import amp

__all__ = [
    "amp", "device", "device_count", "empty_cache", "init", "is_available", "is_bf16_supported",
    "is_initialized", "manual_seed", "manual_seed_all", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether tensors can be on a GPU: always false."""
    return False


class device:
    """A context for a GPU; without one, only a negative index or None is allowed, as no GPU.

    Parameters
    ----------
    device : int or None
        The index.

    Raises
    ------
    RuntimeError
        If a GPU is chosen.
    """

    def __init__(self, device: Any) -> None:
        if device is not None and not (isinstance(device, int) and device < 0):
            _refuse("device")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


def device_count() -> int:
    """The number of GPUs that can be used: always 0."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU is in use: always false."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether there is a dtype bfloat16: always false."""
    return False


def manual_seed(seed: int) -> None:
    """Does nothing, as in PyTorch without a GPU; `cnet.manual_seed` seeds all random numbers."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Does nothing; `cnet.empty_cache` gives the memory of the CPU back."""


def synchronize(device: Any = None) -> None:
    """Does nothing: all operations are finished when they return."""


def init() -> NoReturn:
    """Raise RuntimeError."""
    _refuse("init")


class TensorType(type):
    """A type of tensors on a GPU, such as ``cuda.FloatTensor``, which no tensor has."""

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(cls.__name__)

    @property
    def dtype(cls) -> NoReturn:
        """Asked by conversions to this type: raises RuntimeError."""
        _refuse(cls.__name__)


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(
        f"cuda.{name}: there is no GPU support: all tensors are on the CPU; "
        "ask torch.cuda.is_available() first"
    )


def __getattr__(name: str) -> Any:
    if name in TENSOR_TYPES:
        return TensorType(name, (), {})
    if name.startswith("_"):
        raise AttributeError(f"module 'cnet.cuda' has no attribute {name!r}")
    return lambda *args, **kwargs: _refuse(name)
