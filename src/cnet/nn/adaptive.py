"""Adaptive pooling: a given number of windows, for inputs of any size."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from .. import functional as F
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]

Outputs: TypeAlias = int | Sequence[int | None] | None


class _AdaptivePoolNd(Module):
    """What the layers of adaptive pooling share."""

    function: ClassVar[str]

    def __init__(self, output_size: Outputs) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        return getattr(F, self.function)(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPoolNd(_AdaptivePoolNd):
    """What the layers of adaptive max pooling share."""

    def __init__(self, output_size: Outputs, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        return getattr(F, self.function)(input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptivePoolNd):
    """The mean of each of a given number of windows, which cover a sequence.

    See `cnet.functional.adaptive_avg_pool1d`.

    Parameters
    ----------
    output_size : int, None
        The number of windows; None means that of the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AdaptiveAvgPool1d(1)(np.zeros((4, 8, 7), np.float32)).shape
    (4, 8, 1)
    """

    function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_AdaptivePoolNd):
    """The mean of each of a given number of windows, which cover an image.

    See `cnet.functional.adaptive_avg_pool2d`.

    Parameters
    ----------
    output_size : int, None or 2 of them
        The number of windows on each axis; None means that of the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AdaptiveAvgPool2d(1)(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 8, 1, 1)
    """

    function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_AdaptivePoolNd):
    """The mean of each of a given number of windows, which cover a volume.

    See `cnet.functional.adaptive_avg_pool3d`.

    Parameters
    ----------
    output_size : int, None or 3 of them
        The number of windows on each axis; None means that of the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AdaptiveAvgPool3d(1)(np.zeros((4, 8, 7, 7, 7), np.float32)).shape
    (4, 8, 1, 1, 1)
    """

    function = "adaptive_avg_pool3d"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maximum of each of a given number of windows, which cover a sequence.

    See `cnet.functional.adaptive_max_pool1d`.

    Parameters
    ----------
    output_size : int, None
        The number of windows; None means that of the input.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its channel.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AdaptiveMaxPool1d(1)(np.zeros((4, 8, 7), np.float32)).shape
    (4, 8, 1)
    """

    function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The maximum of each of a given number of windows, which cover an image.

    See `cnet.functional.adaptive_max_pool2d`.

    Parameters
    ----------
    output_size : int, None or 2 of them
        The number of windows on each axis; None means that of the input.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its channel.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AdaptiveMaxPool2d(1)(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 8, 1, 1)
    """

    function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The maximum of each of a given number of windows, which cover a volume.

    See `cnet.functional.adaptive_max_pool3d`.

    Parameters
    ----------
    output_size : int, None or 3 of them
        The number of windows on each axis; None means that of the input.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its channel.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AdaptiveMaxPool3d(1)(np.zeros((4, 8, 7, 7, 7), np.float32)).shape
    (4, 8, 1, 1, 1)
    """

    function = "adaptive_max_pool3d"
