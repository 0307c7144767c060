"""DeZero's convolutions by cnet: one line before the program, which stays as it is."""

import numpy as np

from cnet.dropin import dezero as by_cnet

try:
    import dezero
    import dezero.functions_conv as F
except ImportError:
    print("dezero is not installed")
else:
    print("replaced:", *by_cnet.install())
    x, w = dezero.Variable(np.random.randn(8, 3, 32, 32)), dezero.Variable(np.ones((4, 3, 5, 5)))
    y = F.pooling(F.conv2d(x, w, stride=1, pad=2), 2, 2)
    y.backward(create_graph=True)  # DeZero's own graph: also for higher derivatives
    print(y.shape, x.grad.shape)
