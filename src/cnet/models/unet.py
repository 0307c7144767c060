"""U-Net: a class for each pixel."""

from typing import Any

from .. import functional as F
from .. import nn
from ..operations import cat
from ..tensor import Tensor
from .layers import Conv2dNormActivation
from .registry import register_model

__all__ = ["UNet", "unet"]


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each with batch normalization and ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            Conv2dNormActivation(in_channels, out_channels),
            Conv2dNormActivation(out_channels, out_channels),
        )


class Up(nn.Module):
    """Enlarge images to the size of those of an earlier stage, and combine both.

    Parameters
    ----------
    in_channels : int
        Channels of the images to enlarge.
    skip_channels : int
        Channels of the images of the earlier stage, and of the output.
    bilinear : bool
        Whether to enlarge by bilinear interpolation and a 1x1 convolution instead of a transposed
        convolution.
    """

    def __init__(self, in_channels: int, skip_channels: int, bilinear: bool) -> None:
        super().__init__()
        self.bilinear = bilinear
        self.up: nn.Module
        if bilinear:
            self.up = nn.Conv2d(in_channels, skip_channels, kernel_size=1)
        else:
            self.up = nn.ConvTranspose2d(in_channels, skip_channels, kernel_size=2, stride=2)
        self.conv = DoubleConv(2 * skip_channels, skip_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        size = skip.shape[-2:]
        if self.bilinear:
            x = F.interpolate(self.up(x), size=size, mode="bilinear", align_corners=False)
        else:
            x = self.up(x, output_size=size)
        return self.conv(cat([skip, x], 1))


class UNet(nn.Module):
    """U-Net with batch normalization, and with padding, so that the size of the image stays.

    Each of `depth` stages halves height and width and doubles the channels; then the same number of
    stages goes back and combines each size with the images of that size from before.

    Parameters
    ----------
    in_channels : int, default 1
        Channels of the images.
    num_classes : int, default 2
        Channels of the output: logits of the classes of each pixel.
    width : int, default 64
        Channels of the first stage.
    depth : int, default 4
        How often height and width are halved; images have at least ``2**depth`` pixels on a side.
    bilinear : bool, default False
        Whether to enlarge images by bilinear interpolation and 1x1 convolutions instead of
        transposed convolutions.

    Raises
    ------
    ValueError
        If `depth` is less than 1.

    References
    ----------
    O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for biomedical image
    segmentation", MICCAI 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import UNet
    >>> UNet(3, num_classes=5, width=8, depth=2)(np.zeros((1, 3, 30, 41), np.float32)).shape
    (1, 5, 30, 41)
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        width: int = 64,
        depth: int = 4,
        bilinear: bool = False,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"UNet: depth must be at least 1 (got {depth})")
        widths = [width * 2**i for i in range(depth + 1)]
        self.inc = DoubleConv(in_channels, width)
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList([DoubleConv(widths[i], widths[i + 1]) for i in range(depth)])
        self.up = nn.ModuleList(
            [Up(widths[i + 1], widths[i], bilinear) for i in reversed(range(depth))]
        )
        self.outc = nn.Conv2d(width, num_classes, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inc(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(self.pool(x))
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)
        return self.outc(x)


@register_model
def unet(**kwargs: Any) -> UNet:
    """U-Net: 31 036 546 parameters, images of any size, at least 16 × 16 pixels."""
    return UNet(**kwargs)
