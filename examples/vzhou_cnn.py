"""V. Zhou's CNN on the digits, one image at a time.

Before: ``from conv import Conv3x3``, ``from maxpool import MaxPool2``. After: the import below.
"""

import numpy as np

from cnet.datasets import digits
from cnet.dropin.vzhou import Conv3x3, MaxPool2, Softmax

x_train, y_train = digits(train=True).arrays
np.random.seed(0)
conv, pool, softmax = Conv3x3(8), MaxPool2(), Softmax(3 * 3 * 8, 10)


def train(image, label, learn_rate=0.05):
    out = softmax.forward(pool.forward(conv.forward(image - 0.5)))
    gradient = np.zeros(10)
    gradient[label] = -1 / out[label]
    gradient = softmax.backprop(gradient, learn_rate)
    conv.backprop(pool.backprop(gradient), learn_rate)
    return -np.log(out[label]), out.argmax() == label


for epoch in range(1, 4):
    pairs = [train(x[0].astype(float), y) for x, y in zip(x_train, y_train, strict=True)]
    loss, accuracy = np.mean(pairs, axis=0)
    print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.3f}")
