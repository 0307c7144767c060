"""The functions of "Numpy-CNN": one image forward and backward.

Before: ``from CNN.forward import convolution, maxpool`` and ``from CNN.backward import ...``.
After: the import below.
"""

import numpy as np

from cnet.dropin.alescontrela import convolution, convolutionBackward, maxpool, maxpoolBackward

rng = np.random.default_rng(0)
image = rng.normal(size=(1, 28, 28))
filters, bias = rng.normal(size=(8, 1, 5, 5)), np.zeros((8, 1))

for step in range(1, 4):
    out = convolution(image, filters, bias)
    pooled = maxpool(np.maximum(out, 0), 2, 2)
    loss = (pooled**2).mean()
    dpool = maxpoolBackward(2 * pooled / pooled.size, np.maximum(out, 0), 2, 2)
    _, dfilters, dbias = convolutionBackward(dpool * (out > 0), image, filters, 1)
    filters -= 0.1 * dfilters
    bias -= 0.1 * dbias
    print(f"step {step}: loss {loss:.4f}")
