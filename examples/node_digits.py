"""A CNN as a graph of nodes, on scikit-learn's digits, with Adam and the circular echo."""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.node import (
    AdamOptimizer,
    Node,
    batch_iterator,
    cross_entropy_loss_stable,
    init_model_weights,
    nn,
    set_seed,
)

x_train, y_train = digits(train=True).arrays
x_test, y_test = digits(train=False).arrays

set_seed(42)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 2 * 2, 10),
)  # fmt: skip
init_model_weights(model)
optimizer = AdamOptimizer(
    model.parameters(), lr=3e-3, circular_strength=1e-4, neumann_steps=3, echo_norm_clip=3.0
)
for epoch in range(1, 11):
    losses = []
    for images, labels in batch_iterator(x_train, y_train, batch_size=32):
        loss = cross_entropy_loss_stable(model(Node(images)), labels)
        optimizer.zero_grad()
        optimizer.step(topo_graph=loss.backward())
        losses.append(float(loss.value))
    accuracy = np.mean(model(Node(x_test)).value.argmax(1) == y_test)
    print(f"epoch {epoch}: loss {np.mean(losses):.4f}, test accuracy {accuracy:.4f}")
