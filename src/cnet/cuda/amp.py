"""`torch.cuda.amp`: `cnet.amp` for "cuda", where it is disabled."""

from typing import Any

from .. import amp
from ..amp import custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """`cnet.amp.autocast` for "cuda".

    Examples
    --------
    >>> from cnet.cuda.amp import autocast
    >>> with autocast(enabled=False):
    ...     pass
    """

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`cnet.amp.GradScaler` for "cuda".

    Examples
    --------
    >>> from cnet.cuda.amp import GradScaler
    >>> GradScaler(enabled=False).get_scale()
    1.0
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
