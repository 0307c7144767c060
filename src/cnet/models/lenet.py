"""LeNet-5."""

from typing import Any

from .. import nn
from ..tensor import Tensor
from .registry import register_model

__all__ = ["LeNet5", "lenet5"]


class LeNet5(nn.Module):
    """LeNet-5 in today's usual form.

    The second convolution sees all channels, pooling is a plain average, and the last layer is
    linear; the paper connects channels by a table, scales averages by trained numbers and ends with
    radial basis functions.

    Parameters
    ----------
    num_classes : int, default 10
    in_channels : int, default 1
        Channels of the images.

    References
    ----------
    Y. LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import LeNet5
    >>> LeNet5()(np.zeros((2, 1, 28, 28), np.float32)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=2),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


@register_model
def lenet5(**kwargs: Any) -> LeNet5:
    """LeNet-5: 61 706 parameters, images of 28 × 28 pixels."""
    return LeNet5(**kwargs)
