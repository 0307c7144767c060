"""The layers of CMU's mytorch: a small network, forward and backward.

Before: ``from mytorch.nn.Conv2d import Conv2d``. After: ``from cnet.dropin.mytorch import Conv2d``.
"""

import numpy as np

from cnet.dropin.mytorch import Conv2d, Flatten, MaxPool2d

np.random.seed(0)
layers = [Conv2d(3, 8, 5, stride=2, padding=2), MaxPool2d(2, 2), Flatten()]
x = np.random.randn(16, 3, 32, 32)
for step in range(1, 4):
    z = x
    for layer in layers:
        z = layer.forward(z)
    loss = (z**2).mean()
    grad = 2 * z / z.size
    for layer in reversed(layers):
        grad = layer.backward(grad)
    conv = layers[0].conv2d_stride1
    conv.W -= 0.5 * conv.dLdW
    conv.b -= 0.5 * conv.dLdb
    print(f"step {step}: loss {loss:.4f}")
