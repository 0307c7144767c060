"""The layers of FAU's exercises, with an optimizer that is called in `backward`.

Before: ``from Layers.Conv import Conv``. After: ``from cnet.dropin.fau import Conv``.
"""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.fau import Conv, Flatten, Pooling


class Sgd:
    def __init__(self, learning_rate):
        self.learning_rate = learning_rate

    def calculate_update(self, weight_tensor, gradient_tensor):
        return weight_tensor - self.learning_rate * gradient_tensor


x_train, y_train = digits(train=True).arrays
images, labels = x_train[:512].astype(float), np.eye(10)[y_train[:512]]

np.random.seed(0)
layers = [Conv((1, 1), (1, 3, 3), 6), Pooling((2, 2), (2, 2)), Flatten()]
layers[0].weights -= 0.5
layers[0].optimizer = Sgd(0.05)
W = 0.1 * np.random.randn(96, 10)

for epoch in range(1, 6):
    losses = []
    for start in range(0, 512, 32):
        x, y = images[start : start + 32], labels[start : start + 32]
        for layer in layers:
            x = layer.forward(x)
        p = np.exp(x @ W - (x @ W).max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        losses.append(-np.log((p * y).sum(1)).mean())
        error = (p - y) / len(y)
        W, error = W - 0.05 * x.T @ error, error @ W.T
        for layer in reversed(layers):
            error = layer.backward(error)
    print(f"epoch {epoch}: loss {np.mean(losses):.4f}")
