"""`torch.amp`: automatic mixed precision, which is for GPUs and disabled on the CPU.

As in PyTorch without a GPU, `autocast` and `GradScaler` for "cuda" are disabled, with a warning if
they were enabled by the program. Mixed precision on the CPU is refused.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from ._explained import Explained
from ._warning import warn

__all__ = [
    "GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available",
    "is_autocast_enabled",
]  # fmt: skip

Call = TypeVar("Call", bound=Callable[..., Any])


class autocast:
    """A context, or decorator, in which everything is computed as usual.

    Parameters
    ----------
    device_type : str
        The type of the device, as in ``"cuda"``.
    dtype : optional
        Not used.
    enabled : bool, default True
        Whether to use mixed precision, which must be false for the CPU.
    cache_enabled : bool, optional
        Not used.

    Raises
    ------
    NotImplementedError
        If `device_type` is the CPU and `enabled` is true.

    Examples
    --------
    >>> import cnet
    >>> with cnet.amp.autocast("cuda", enabled=False):
    ...     y = cnet.ones(2) * 2
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"autocast: device_type must be a string (got {device_type!r})")
        if enabled and device_type == "cpu":
            raise NotImplementedError(
                "autocast: mixed precision is not supported on the CPU; use enabled=False"
            )
        if enabled:
            warn(f"autocast: {device_type} is not available; disabled")

    def __enter__(self) -> "autocast":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, function: Call) -> Call:
        return function


class GradScaler(Explained):
    """The scaler of losses for mixed precision, which is disabled: it scales nothing.

    Parameters
    ----------
    device : str, default "cuda"
    init_scale, growth_factor, backoff_factor, growth_interval : number
        Not used.
    enabled : bool, default True
        Gives a warning if it is true.

    Examples
    --------
    >>> import cnet
    >>> scaler = cnet.amp.GradScaler(enabled=False)
    >>> w = cnet.nn.Parameter(cnet.ones(1))
    >>> optimizer = cnet.optim.SGD([w], lr=0.5)
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w.tolist()
    [0.5]
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and str(device).startswith("cpu"):
            raise NotImplementedError("GradScaler: mixed precision is not supported on the CPU")
        if enabled:
            warn(f"GradScaler: {device} is not available; disabled")

    def scale(self, outputs: Any) -> Any:
        """Return the outputs unchanged."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Do nothing: gradients are not scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `step` of the optimizer."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Do nothing: there is no scale."""

    def get_scale(self) -> float:
        """The scale: always 1."""
        return 1.0

    def is_enabled(self) -> bool:
        """Whether the scaler scales: always False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """The state of the scaler, which is empty."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Do nothing: there is no state."""


def custom_fwd(fwd: Any = None, *, device_type: str | None = None, cast_inputs: Any = None) -> Any:
    """Return the `forward` of a `Function` unchanged, or a decorator that does."""
    return (lambda fwd: fwd) if fwd is None else fwd


def custom_bwd(bwd: Any = None, *, device_type: str | None = None) -> Any:
    """Return the `backward` of a `Function` unchanged, or a decorator that does."""
    return (lambda bwd: bwd) if bwd is None else bwd


def is_autocast_available(device_type: str) -> bool:
    """Whether there is mixed precision on a type of device: always False."""
    return False


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether mixed precision is in use: always False.

    Parameters
    ----------
    device_type : str, optional
        Ignored.

    Returns
    -------
    bool

    Examples
    --------
    >>> import cnet
    >>> cnet.is_autocast_enabled()
    False
    """
    return False
