"""AlexNet."""

from typing import Any

from .. import nn
from ..operations import flatten
from ..tensor import Tensor
from .registry import register_model

__all__ = ["AlexNet", "alexnet"]


class AlexNet(nn.Module):
    """AlexNet in the variant for one processor, with fewer channels than the first publication.

    Parameters
    ----------
    num_classes : int, default 1000
    dropout : float, default 0.5
        The probability of dropout before the first two linear layers.

    References
    ----------
    A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
    arXiv:1404.5997, 2014; A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet classification with
    deep convolutional neural networks", NIPS 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import AlexNet
    >>> model = AlexNet(num_classes=10).eval()
    >>> model(np.zeros((1, 3, 63, 63), np.float32)).shape
    (1, 10)
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


@register_model
def alexnet(**kwargs: Any) -> AlexNet:
    """AlexNet: 61 100 840 parameters, images of 224 × 224 pixels, at least 63 × 63."""
    return AlexNet(**kwargs)
