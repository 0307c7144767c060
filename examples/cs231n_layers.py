"""The fast layers of CS231n: convolution, ReLU and pooling, forward and backward."""

import numpy as np

from cnet.dropin.cs231n import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)

rng = np.random.default_rng(231)
x = rng.normal(size=(8, 3, 32, 32))
w, b = 0.1 * rng.normal(size=(16, 3, 7, 7)), np.zeros(16)
conv_param = {"stride": 1, "pad": 3}
pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
target = rng.normal(size=(8, 16, 16, 16))

for step in range(1, 31):
    a, conv_cache = conv_forward_fast(x, w, b, conv_param)
    out, pool_cache = max_pool_forward_fast(np.maximum(a, 0), pool_param)
    loss = ((out - target) ** 2).mean()
    dout = 2 * (out - target) / out.size
    da = max_pool_backward_fast(dout, pool_cache) * (a > 0)
    dx, dw, db = conv_backward_fast(da, conv_cache)
    w -= 0.3 * dw
    b -= 0.3 * db
    if step % 10 == 0:
        print(f"step {step}: loss {loss:.4f}")
