"""A script with layers, and a module next to it."""

import subprocess
import sys
from pathlib import Path

SCRIPT = '''"""A script."""
from __future__ import annotations

import sys

import numpy as np
from net import MaxPool2


class Conv3x3:
    def __init__(self, filters):
        self.filters = np.random.randn(filters, 3, 3) / 9

    def regions(self, image):
        for i in range(image.shape[0] - 2):
            for j in range(image.shape[1] - 2):
                yield image[i : i + 3, j : j + 3], i, j

    def forward(self, x):
        self.last = x
        y = np.zeros((x.shape[0] - 2, x.shape[1] - 2, len(self.filters)))
        for region, i, j in self.regions(x):
            y[i, j] = np.sum(region * self.filters, axis=(1, 2))
        return y

    def backprop(self, grad, lr):
        change = np.zeros(self.filters.shape)
        for region, i, j in self.regions(self.last):
            for f in range(len(self.filters)):
                change[f] += grad[i, j, f] * region
        self.filters -= lr * change


np.random.seed(0)
conv, pool = Conv3x3(8), MaxPool2()
for step in range(12):
    y = pool.forward(conv.forward(np.random.randn(14, 14)))
    conv.backprop(pool.backprop(y - 1), 0.005)
print(sys.argv[1:], __name__, __file__, f"{y.sum():.9f} {np.random.rand()}")
assert conv.filters.shape == (8, 3, 3)
if "--fail" in sys.argv:
    raise SystemExit(3)
'''

NET = """
import numpy as np


class MaxPool2:
    def forward(self, x):
        self.last = x
        h, w, f = x.shape
        return x[: h // 2 * 2, : w // 2 * 2].reshape(h // 2, 2, w // 2, 2, f).max(axis=(1, 3))

    def backprop(self, grad):
        dx = np.zeros(self.last.shape)
        for i in range(grad.shape[0]):
            for j in range(grad.shape[1]):
                window = self.last[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                dx[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = (
                    window == window.max(axis=(0, 1))
                ) * grad[i, j]
        return dx
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
