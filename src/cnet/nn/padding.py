"""Layers that add cells at the ends of the last axes."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from .. import functional as F
from .._explained import explained
from ..tensor import Tensor, TensorLike
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Ends: TypeAlias = int | Sequence[int]


class _PadNd(Module):
    """What the padding layers share."""

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Ends) -> None:
        super().__init__()
        count = 2 * self.axes
        ends = tuple(padding) if isinstance(padding, Sequence) else (padding,) * count
        if len(ends) != count:
            raise ValueError(
                f"{type(self).__name__}: padding must be a number or {count} numbers "
                f"(got {padding})"
            )
        if not all(isinstance(end, int) for end in ends):
            raise TypeError(f"{type(self).__name__}: padding must be ints (got {padding})")
        self.padding = ends

    @explained
    def forward(self, input: TensorLike) -> Tensor:
        if input.ndim not in (self.axes + 1, self.axes + 2) and self.mode != "constant":
            raise ValueError(
                f"{type(self).__name__}: input must have {self.axes + 1} or {self.axes + 2} "
                f"dimensions (got {input.ndim}, shape {input.shape})"
            )
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPadNd(_PadNd):
    """What the layers that add a constant share."""

    mode = "constant"

    def __init__(self, padding: Ends, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_PadNd):
    """What the layers that add zeros share."""

    mode = "constant"


class _ReflectionPadNd(_PadNd):
    """What the layers that add the mirror image share."""

    mode = "reflect"


class _ReplicationPadNd(_PadNd):
    """What the layers that repeat the edge share."""

    mode = "replicate"


class _CircularPadNd(_PadNd):
    """What the layers that add cells from the opposite end share."""

    mode = "circular"


class ConstantPad1d(_ConstantPadNd):
    """Add cells of a constant value at the ends of a sequence.

    Parameters
    ----------
    padding : int or 2 ints
        The number of cells left and right. Negative numbers remove cells.
    value : float
        The value of the added cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ConstantPad1d(1, 0.5)(np.zeros((4, 2, 3), np.float32)).shape
    (4, 2, 5)
    """

    axes = 1


class ConstantPad2d(_ConstantPadNd):
    """Add cells of a constant value at the ends of an image.

    Parameters
    ----------
    padding : int or 4 ints
        The number of cells left, right, above and below. Negative numbers remove cells.
    value : float
        The value of the added cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ConstantPad2d(1, 0.5)(np.zeros((4, 2, 3, 3), np.float32)).shape
    (4, 2, 5, 5)
    """

    axes = 2


class ConstantPad3d(_ConstantPadNd):
    """Add cells of a constant value at the ends of a volume.

    Parameters
    ----------
    padding : int or 6 ints
        The number of cells left, right, above, below, in front and behind. Negative numbers remove
        cells.
    value : float
        The value of the added cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ConstantPad3d(1, 0.5)(np.zeros((4, 2, 3, 3, 3), np.float32)).shape
    (4, 2, 5, 5, 5)
    """

    axes = 3


class ZeroPad1d(_ZeroPadNd):
    """Add zeros at the ends of a sequence.

    Parameters
    ----------
    padding : int or 2 ints
        The number of cells left and right. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ZeroPad1d(1)(np.zeros((4, 2, 3), np.float32)).shape
    (4, 2, 5)
    """

    axes = 1


class ZeroPad2d(_ZeroPadNd):
    """Add zeros at the ends of an image.

    Parameters
    ----------
    padding : int or 4 ints
        The number of cells left, right, above and below. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ZeroPad2d(1)(np.zeros((4, 2, 3, 3), np.float32)).shape
    (4, 2, 5, 5)
    """

    axes = 2


class ZeroPad3d(_ZeroPadNd):
    """Add zeros at the ends of a volume.

    Parameters
    ----------
    padding : int or 6 ints
        The number of cells left, right, above, below, in front and behind. Negative numbers remove
        cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ZeroPad3d(1)(np.zeros((4, 2, 3, 3, 3), np.float32)).shape
    (4, 2, 5, 5, 5)
    """

    axes = 3


class ReflectionPad1d(_ReflectionPadNd):
    """Add the mirror image without the edge at the ends of a sequence.

    Parameters
    ----------
    padding : int or 2 ints
        The number of cells left and right. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReflectionPad1d(1)(np.zeros((4, 2, 3), np.float32)).shape
    (4, 2, 5)
    """

    axes = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Add the mirror image without the edge at the ends of an image.

    Parameters
    ----------
    padding : int or 4 ints
        The number of cells left, right, above and below. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReflectionPad2d(1)(np.zeros((4, 2, 3, 3), np.float32)).shape
    (4, 2, 5, 5)
    """

    axes = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Add the mirror image without the edge at the ends of a volume.

    Parameters
    ----------
    padding : int or 6 ints
        The number of cells left, right, above, below, in front and behind. Negative numbers remove
        cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReflectionPad3d(1)(np.zeros((4, 2, 3, 3, 3), np.float32)).shape
    (4, 2, 5, 5, 5)
    """

    axes = 3


class ReplicationPad1d(_ReplicationPadNd):
    """Add copies of the edge at the ends of a sequence.

    Parameters
    ----------
    padding : int or 2 ints
        The number of cells left and right. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReplicationPad1d(1)(np.zeros((4, 2, 3), np.float32)).shape
    (4, 2, 5)
    """

    axes = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Add copies of the edge at the ends of an image.

    Parameters
    ----------
    padding : int or 4 ints
        The number of cells left, right, above and below. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReplicationPad2d(1)(np.zeros((4, 2, 3, 3), np.float32)).shape
    (4, 2, 5, 5)
    """

    axes = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Add copies of the edge at the ends of a volume.

    Parameters
    ----------
    padding : int or 6 ints
        The number of cells left, right, above, below, in front and behind. Negative numbers remove
        cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReplicationPad3d(1)(np.zeros((4, 2, 3, 3, 3), np.float32)).shape
    (4, 2, 5, 5, 5)
    """

    axes = 3


class CircularPad1d(_CircularPadNd):
    """Add cells from the opposite end at the ends of a sequence.

    Parameters
    ----------
    padding : int or 2 ints
        The number of cells left and right. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.CircularPad1d(1)(np.zeros((4, 2, 3), np.float32)).shape
    (4, 2, 5)
    """

    axes = 1


class CircularPad2d(_CircularPadNd):
    """Add cells from the opposite end at the ends of an image.

    Parameters
    ----------
    padding : int or 4 ints
        The number of cells left, right, above and below. Negative numbers remove cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.CircularPad2d(1)(np.zeros((4, 2, 3, 3), np.float32)).shape
    (4, 2, 5, 5)
    """

    axes = 2


class CircularPad3d(_CircularPadNd):
    """Add cells from the opposite end at the ends of a volume.

    Parameters
    ----------
    padding : int or 6 ints
        The number of cells left, right, above, below, in front and behind. Negative numbers remove
        cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.CircularPad3d(1)(np.zeros((4, 2, 3, 3, 3), np.float32)).shape
    (4, 2, 5, 5, 5)
    """

    axes = 3
