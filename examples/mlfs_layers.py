"""The layers of ML-From-Scratch: `forward_pass`, `backward_pass`, an optimizer with `update`.

Before: ``from mlfromscratch.deep_learning.layers import Conv2D``. After: the import below; the
networks and the other layers of the project stay.
"""

import numpy as np

from cnet.dropin.mlfs import AveragePooling2D, Conv2D


class StochasticGradientDescent:
    def update(self, w, grad_wrt_w):
        return w - 0.3 * grad_wrt_w


np.random.seed(0)
conv, pool = Conv2D(8, (3, 3), input_shape=(1, 8, 8)), AveragePooling2D((2, 2), stride=2)
conv.initialize(StochasticGradientDescent())
pool.set_input_shape(conv.output_shape())
x = np.random.rand(32, 1, 8, 8)
for step in range(1, 4):
    y = pool.forward_pass(conv.forward_pass(x))
    conv.backward_pass(pool.backward_pass(2 * (y - 1) / y.size))
    print(f"step {step}: loss {((y - 1) ** 2).mean():.4f}")
