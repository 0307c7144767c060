"""The circular echo, a training rule that propagates gradients through the graph again."""

import numpy as np

import cnet
from cnet import nn, optim

x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
y = (x[:, 0] * x[:, 1] > 0).astype(int)

cnet.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
print(cnet.graph(loss_fn(model(x), y)))

optimizer = optim.CircularAdam(
    model.parameters(), lr=0.01, circular_strength=0.1, neumann_steps=3, rule="literal"
)
for step in range(1, 201):
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    gradients = cnet.graph(loss).backward()
    optimizer.step(gradients=gradients)
    if step % 50 == 0:
        print(f"step {step}: loss {loss.item():.4f}")
