"""Layers without state, and a gradient checked by finite differences."""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.stateless import (
    CrossEntropy,
    LinearLayer,
    NeuralNetwork,
    ReLU,
    SimpleConv,
    Softmax,
    finite_diff_grad,
    one_hot,
)

(x_train, y_train), (x_test, y_test) = digits(train=True).arrays, digits(train=False).arrays

edges = SimpleConv([[1, 0, -1]])
image, upstream = x_train[0, 0].astype(float), np.ones((1, 8, 6))
numeric = finite_diff_grad(lambda x: float((edges.forward(x) * upstream).sum()), image)
print(f"largest error of a gradient: {abs(edges.grad_x(image, upstream) - numeric).max():.1e}")

rng = np.random.default_rng(42)
layers = [LinearLayer(64, 32, rng=rng), ReLU(), LinearLayer(32, 10, rng=rng), Softmax()]
net = NeuralNetwork(layers, CrossEntropy())
targets = one_hot(y_train, 10)
EPOCHS = 10
for _ in range(EPOCHS):
    net.fit_one_epoch(x_train.reshape(-1, 64), targets, 16, learning_rate=0.1, rng=rng)
accuracy = np.mean(net(x_test.reshape(-1, 64)).argmax(1) == y_test)
print(f"test accuracy after {EPOCHS} epochs: {accuracy:.4f}")
