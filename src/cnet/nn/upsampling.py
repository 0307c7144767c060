"""Layers that resize images: Upsample, UpsamplingNearest2d and UpsamplingBilinear2d."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import functional as F
from ..tensor import Tensor
from .module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]

Outputs: TypeAlias = int | Sequence[int] | None
Scale: TypeAlias = float | Sequence[float] | None


class Upsample(Module):
    """Resize sequences, images or volumes; see `cnet.functional.interpolate`.

    Parameters
    ----------
    size : int or sequence of int, optional
        The sizes of the result on the spatial axes.
    scale_factor : float or sequence of float, optional
        The sizes of the result divided by those of the input. Either this or `size` must be given.
    mode : str, default 'nearest'
        'nearest', 'linear', 'bilinear', 'bicubic', 'trilinear' or another mode of `interpolate`.
    align_corners : bool, default False
        Whether the centres of the corner pixels keep their positions.
    recompute_scale_factor : bool, default False
        Whether positions are computed from the rounded sizes in place of `scale_factor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Upsample(scale_factor=2, mode="bilinear")(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(
        self,
        size: Outputs = None,
        scale_factor: Scale = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        if isinstance(scale_factor, Sequence):
            self.scale_factor: Scale = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = None if scale_factor is None else float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` for images in mode 'nearest'.

    Parameters
    ----------
    size : int or (int, int), optional
        Height and width of the result.
    scale_factor : float or (float, float), optional
        The factors of height and width. Either this or `size` must be given.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(self, size: Outputs = None, scale_factor: Scale = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` for images in mode 'bilinear' with ``align_corners=True``.

    Parameters
    ----------
    size : int or (int, int), optional
        Height and width of the result.
    scale_factor : float or (float, float), optional
        The factors of height and width. Either this or `size` must be given.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.UpsamplingBilinear2d(size=14)(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(self, size: Outputs = None, scale_factor: Scale = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
