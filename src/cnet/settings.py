"""Settings of PyTorch that need no choice here: accepted where cnet already does what they ask."""

from .arrays import boolean
from .devices import CPU, Place, device, require_cpu

__all__ = [
    "are_deterministic_algorithms_enabled", "get_default_device", "get_float32_matmul_precision",
    "get_num_interop_threads", "set_default_device", "set_deterministic",
    "set_float32_matmul_precision", "set_flush_denormal", "set_num_interop_threads",
    "use_deterministic_algorithms",
]  # fmt: skip


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted for compatibility: all algorithms are deterministic.

    Results depend neither on the run nor on the number of threads.

    Examples
    --------
    >>> import cnet
    >>> cnet.use_deterministic_algorithms(True)
    """
    boolean("use_deterministic_algorithms", "mode", mode)


def set_deterministic(d: bool) -> None:
    """The older name of `use_deterministic_algorithms`.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_deterministic(True)
    """
    boolean("set_deterministic", "d", d)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether all algorithms are deterministic: always true.

    Examples
    --------
    >>> import cnet
    >>> cnet.are_deterministic_algorithms_enabled()
    True
    """
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted for compatibility: products of float32 numbers always have full precision.

    Raises
    ------
    ValueError
        If `precision` is not "highest", "high" or "medium".

    Examples
    --------
    >>> import cnet
    >>> cnet.set_float32_matmul_precision("high")
    """
    if precision not in ("highest", "high", "medium"):
        raise ValueError(
            "set_float32_matmul_precision: precision must be 'highest', 'high' or 'medium' "
            f"(got {precision!r})"
        )


def get_float32_matmul_precision() -> str:
    """The precision of products of float32 numbers: always "highest".

    Examples
    --------
    >>> import cnet
    >>> cnet.get_float32_matmul_precision()
    'highest'
    """
    return "highest"


def set_default_device(device: Place) -> None:
    """Accepted for the CPU, where all tensors are; RuntimeError for other devices.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_default_device("cpu")
    """
    require_cpu("set_default_device", device)


def get_default_device() -> device:
    """The device of new tensors: the CPU.

    Examples
    --------
    >>> import cnet
    >>> cnet.get_default_device()
    device(type='cpu')
    """
    return CPU


def set_num_interop_threads(num: int) -> None:
    """Accepted for compatibility: operations run one after the other.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_num_interop_threads(1)
    """


def get_num_interop_threads() -> int:
    """The number of operations that run at the same time: always 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.get_num_interop_threads()
    1
    """
    return 1


def set_flush_denormal(mode: bool) -> bool:
    """Not supported: subnormal numbers are always kept. Returns whether the mode was set.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_flush_denormal(True)
    False
    """
    return not mode
