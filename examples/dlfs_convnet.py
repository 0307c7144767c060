"""The convolution layers of "Deep Learning from Scratch" in a network in its style."""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.dlfs import Convolution, Pooling

x_train, y_train = digits(train=True).arrays
x_test, y_test = digits(train=False).arrays

rng = np.random.default_rng(0)
conv = Convolution(0.2 * rng.normal(size=(8, 1, 3, 3)), np.zeros(8), stride=1, pad=1)
pool = Pooling(2, 2, stride=2)
W, b = 0.1 * rng.normal(size=(8 * 4 * 4, 10)), np.zeros(10)


def predict(x):
    """Scores, and the intermediate values that the backward pass needs."""
    a = conv.forward(x)
    features = pool.forward(np.maximum(a, 0)).reshape(len(x), -1)
    return features @ W + b, features, a


for epoch in range(1, 6):
    for batch in np.array_split(rng.permutation(len(x_train)), 45):
        scores, features, a = predict(x_train[batch])
        p = np.exp(scores - scores.max(1, keepdims=True))
        dscores = p / p.sum(1, keepdims=True)
        dscores[np.arange(len(batch)), y_train[batch]] -= 1
        dscores /= len(batch)
        dpool = (dscores @ W.T).reshape(len(batch), 8, 4, 4)
        W -= 0.5 * features.T @ dscores
        b -= 0.5 * dscores.sum(0)
        conv.backward(pool.backward(dpool) * (a > 0))
        conv.W -= 0.5 * conv.dW
        conv.b -= 0.5 * conv.db
    accuracy = np.mean(predict(x_test)[0].argmax(1) == y_test)
    print(f"epoch {epoch}: test accuracy {accuracy:.4f}")
