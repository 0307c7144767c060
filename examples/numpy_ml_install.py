"""numpy-ml's convolutions by cnet: one line before the program, which stays as it is."""

import numpy as np

from cnet.dropin import numpy_ml as by_cnet

try:
    from numpy_ml.neural_nets.layers import Conv2D
except ImportError:
    print("numpy-ml is not installed")
else:
    print("replaced:", *by_cnet.install())
    conv = Conv2D(out_ch=8, kernel_shape=(3, 3), pad="same", act_fn="ReLU")
    y = conv.forward(np.random.randn(4, 28, 28, 3))
    print(y.shape, conv.backward(y).shape)
