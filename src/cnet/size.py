"""Size: the shape of a tensor, as in PyTorch."""

from math import prod
from typing import Any, SupportsIndex, overload

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of ints with a method that counts elements.

    Examples
    --------
    >>> import cnet
    >>> size = cnet.tensor([[1.0, 2.0, 3.0]]).size()
    >>> size
    cnet.Size([1, 3])
    >>> size[1:].numel()
    3
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return prod(self)

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "Size": ...
    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return Size(part) if isinstance(index, slice) else part

    def __repr__(self) -> str:
        return f"cnet.Size({list(self)})"
