"""A user-defined operation, its graph, and a small network."""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.op import CrossEntropyLoss, Op, Tensor, print_autograd_graph


class LeakyReLU(Op):
    """An operation defined like those of the module."""

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.where(a > 0, a, 0.1 * a)

    @staticmethod
    def backward(ctx, grad_output):
        (a,) = ctx.saved_tensors
        return np.where(a > 0, 1.0, 0.1) * grad_output


x, w = Tensor(2.0, requires_grad=True), Tensor(-3.0, requires_grad=True)
y = LeakyReLU.apply(x * w + 1.0)
print_autograd_graph(y)
y.backward()
print(f"\ndy/dx = {x.grad}, dy/dw = {w.grad}\n")

images, labels = digits(train=True).arrays
rng = np.random.default_rng(0)
w1 = Tensor(rng.normal(0, 0.1, (64, 32)), requires_grad=True)
w2 = Tensor(rng.normal(0, 0.1, (32, 10)), requires_grad=True)
for step in range(1, 301):
    batch = rng.integers(0, len(images), 64)
    hidden = LeakyReLU.apply(Tensor(images[batch].reshape(64, 64)) @ w1)
    loss = CrossEntropyLoss.apply(hidden @ w2, Tensor(np.eye(10)[labels[batch]]))
    loss.backward()
    for parameter in (w1, w2):
        parameter.data -= 0.3 * parameter.grad
        parameter.grad = None
    if step % 100 == 0:
        print(f"step {step}: loss {float(loss.data):.4f}")
