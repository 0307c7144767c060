"""Functions of images with 32 channels, and plans of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

import cnet
from cnet import functional as F
from cnet import nn


def images(dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, 32, 12, 9)).astype(dtype)


class Of(nn.Module):
    """A module that computes a function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def kernels_of(plan: Any, x: np.ndarray) -> list[str]:
    """The kernels of the steps of a plan, in their order."""
    return [step.split()[0] for step, _ in plan.profile(x)]


def random_weight(*shape: int) -> cnet.Tensor:
    rng = np.random.default_rng(sum(shape))
    return cnet.tensor(rng.standard_normal(shape) / np.prod(shape[1:]) ** 0.5)


def conv(x: Any, outputs: int, size: int = 3, **options: Any) -> Any:
    channels = x.shape[1] // options.get("groups", 1)
    weight = random_weight(outputs, channels, size, size).to(x.dtype)
    return F.conv2d(x, weight, random_weight(outputs, 1)[:, 0].to(x.dtype), **options)


def residual(x: Any) -> Any:
    y = F.relu(conv(x, 32, padding=1))
    return F.relu(conv(y, 32, padding=1) + x)


def shortcut(x: Any) -> Any:
    y = conv(x, 48, stride=2, padding=1)
    return F.relu6(y + conv(x, 48, 1, stride=2))


INTEGERS: dict[str, Callable[[Any], Any]] = {
    "limits": lambda x: conv(F.relu6(conv(x, 40)), 20),
    "residual": lambda x: conv(residual(x), 16),
    "shortcut": lambda x: conv(shortcut(x), 16, 1),
    "linear bottleneck": lambda x: conv(conv(x, 32, 1) + x, 16, 1),
    "depthwise": lambda x: conv(F.relu6(conv(x, 32, 3, groups=32, padding=1)), 16, 1),
    "depthwise, strided": lambda x: conv(x, 32, 5, groups=32, padding=2, stride=2),
    "groups": lambda x: conv(x, 64, 3, groups=2, padding=1),
    "wide strides": lambda x: conv(x, 32, stride=3, padding=2),
    "few outputs": lambda x: conv(conv(x, 3), 5, 1),
    "max pool": lambda x: conv(F.max_pool2d(F.relu(conv(x, 20)), 3, 2, 1), 16),
    "rows": lambda x: F.linear(
        F.max_pool2d(conv(x, 16), (10, 7)).flatten(1), random_weight(10, 16).to(x.dtype)
    ),
}
"""Functions of images with 32 channels whose steps all compute on 8-bit images."""

MIXED: dict[str, Callable[[Any], Any]] = {
    "activations": lambda x: conv(F.silu(conv(x, 40)), 20),
    "global average": lambda x: conv(F.adaptive_avg_pool2d(conv(x, 20), 1), 16, 1),
    "joined": lambda x: conv(cnet.cat([conv(x, 16), conv(x, 32)], 1), 16),
    "flattened": lambda x: F.linear(F.relu(conv(x, 8)).flatten(1), cnet.eye(10, 560) / 4),
    "dilated depthwise": lambda x: conv(conv(x, 32, 3, groups=32, dilation=2), 16, 1),
    "result read twice": lambda x: (lambda y: y * y.mean((2, 3), keepdim=True))(conv(x, 16)),
}
"""Functions with steps in float32."""
