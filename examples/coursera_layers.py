"""The layers of "Convolutional Model: Step by Step" train on the digits.

Before: ``conv_forward`` and its companions are loops in the notebook. After: one import.
"""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.coursera import conv_backward, conv_forward, pool_backward, pool_forward

x_train, y_train = digits(train=True).arrays
X = x_train[:640].transpose(0, 2, 3, 1).astype(float)  # (m, n_H, n_W, n_C)
Y = np.eye(10)[y_train[:640]]

rng = np.random.default_rng(0)
W, b = 0.3 * rng.normal(size=(3, 3, 1, 8)), np.zeros((1, 1, 1, 8))
W2, b2 = 0.1 * rng.normal(size=(4 * 4 * 8, 10)), np.zeros(10)

for epoch in range(1, 6):
    losses = []
    for batch in np.array_split(rng.permutation(len(X)), 20):
        Z, conv_cache = conv_forward(X[batch], W, b, {"stride": 1, "pad": 1})
        A, pool_cache = pool_forward(np.maximum(Z, 0), {"f": 2, "stride": 2})
        features = A.reshape(len(batch), -1)
        scores = features @ W2 + b2
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        losses.append(-np.log((p * Y[batch]).sum(1)).mean())
        dscores = (p - Y[batch]) / len(batch)
        dA = (dscores @ W2.T).reshape(A.shape)
        _, dW, db = conv_backward(pool_backward(dA, pool_cache) * (Z > 0), conv_cache)
        for parameter, gradient in (
            (W, dW), (b, db), (W2, features.T @ dscores), (b2, dscores.sum(0)),
        ):  # fmt: skip
            parameter -= 0.5 * gradient
    print(f"epoch {epoch}: loss {np.mean(losses):.4f}")
