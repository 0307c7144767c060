"""device: the place of a tensor. Every tensor is on the CPU; other devices can only be named."""

from typing import Any, TypeAlias

__all__ = ["device"]

TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
    "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip
"""The types of devices that PyTorch knows."""


class device:
    """A device, with its type and its number among the devices of this type.

    Tensors are always on the CPU. Other devices can be named and compared, so that programs that
    choose a device run unchanged, but no tensor can be created there.

    Parameters
    ----------
    type : str or device
        The type, optionally with the index, like ``"cuda:0"``.
    index : int, optional
        The index; None is the current device of this type.

    Raises
    ------
    RuntimeError
        If there is no such type of device, or the index is not a number.

    Examples
    --------
    >>> import cnet
    >>> cnet.device("cuda:1")
    device(type='cuda', index=1)
    >>> cnet.zeros(2).device == cnet.device("cpu")
    True
    >>> cnet.zeros(2, device="cuda")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: zeros: device 'cuda' is not available: all tensors are on the CPU; choose the ...
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: "str | device", index: int | None = None) -> None:
        if isinstance(type, device):
            index = type.index
            type = type.type
        if not isinstance(type, str):
            raise TypeError(f"device: type must be a str or a device (got {type!r})")
        name, colon, number = type.partition(":")
        if name not in TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(TYPES)} device type at start of device string: {type}"
            )
        if colon:
            if index is not None:
                raise RuntimeError(f"device: index must be given once (got {type!r} and {index})")
            if not (number.isascii() and number.isdigit()):
                raise RuntimeError(f"Invalid device string: {type!r}")
            index = int(number)
        object.__setattr__(self, "type", name)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"device: {name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"device: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (str(self),)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __enter__(self) -> "device":
        require_cpu("device", self)
        return self

    def __exit__(self, *_: object) -> None:
        pass


Place: TypeAlias = device | str | None
"""A device or its name; None is the CPU."""

CPU = device("cpu")


def require_cpu(function: str, place: Any) -> None:
    """Raise RuntimeError for any device but the CPU, and TypeError if `place` is no device."""
    if place is None or place is CPU:
        return
    if isinstance(place, int) and not isinstance(place, bool):  # the number of a GPU, as in PyTorch
        place = device("cuda", place)
    if not isinstance(place, (str, device)):
        raise TypeError(f"{function}: device must be a device or its name (got {place!r})")
    if device(place).type != "cpu":
        raise RuntimeError(
            f"{function}: device {str(place)!r} is not available: all tensors are on the CPU; "
            "choose the device by torch.cuda.is_available()"
        )
