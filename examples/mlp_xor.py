"""XOR with a multilayer perceptron that writes out the chain rule."""

import numpy as np

from cnet.dropin.mlp import MLPFromScratch, numerical_gradient

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
y = np.array([[0], [1], [1], [0]], dtype=float)

np.random.seed(42)
mlp = MLPFromScratch(input_dim=2, hidden_dim=8, output_dim=1)
for epoch in range(1, 2001):
    loss = mlp.loss(mlp.forward(X), y)
    grads = mlp.backward(X, y)
    mlp.update(grads, lr=1.0)
    if epoch % 400 == 0:
        print(f"epoch {epoch}: loss {loss:.6f}")
print(f"outputs: {mlp.forward(X).ravel().round(4)}")
grads = mlp.backward(X, y)
print(f"largest error of dW1: {abs(grads['W1'] - numerical_gradient(mlp, X, y, 'W1')).max():.1e}")
