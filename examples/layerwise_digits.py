"""Layers that store their input, trained on one image at a time: a CNN with one channel."""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.layerwise import (
    Conv2d,
    Dense,
    Flatten,
    Model,
    Pooling,
    Relu,
    SoftmaxCrossEntropyLoss,
)

x_train, y_train = digits(train=True).arrays
x_test, y_test = digits(train=False).arrays

np.random.seed(0)
conv, dense = Conv2d(3), Dense(5 * 5, 10)
model = Model([conv, Relu(), Pooling("max", (2, 2)), Flatten(), dense])
loss = SoftmaxCrossEntropyLoss()
for epoch in range(1, 6):
    total = 0.0
    for i in np.random.permutation(len(x_train)):
        total += loss.forward(model.forward(x_train[i, 0]), np.eye(10)[y_train[i]])
        model.backward(loss.backward())
        conv.kernel -= 0.1 * conv.grad_weights
        dense.weights -= 0.1 * dense.grad_weights
        dense.biases -= 0.1 * dense.grad_biases
    right = [model.forward(x[0]).argmax() == y for x, y in zip(x_test, y_test, strict=True)]
    print(f"epoch {epoch}: loss {total / len(x_train):.4f}, test accuracy {np.mean(right):.4f}")
