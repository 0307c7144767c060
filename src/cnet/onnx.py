"""`torch.onnx`, which scripts import for an option: models are not exported."""

from typing import Any, NoReturn

__all__ = ["export", "is_in_onnx_export"]


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Not supported: raises NotImplementedError."""
    raise NotImplementedError(
        "onnx.export is not supported; see cnet.compile for plans of a network"
    )


def is_in_onnx_export() -> bool:
    """Whether a model is exported: always False."""
    return False
