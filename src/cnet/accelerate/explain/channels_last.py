"""Convolutions of images with channels last, by the kernels that do not transpose them."""

import numpy as np

from ... import geometry
from ...arrays import FLOAT32, FLOAT64, Array
from ...dropin._convolution import is_faster
from ...dropin._layouts import CHANNELS_LAST, FILTERS_LAST, Layout
from ...kernels import channels_last
from .forms import Form
from .windows import Plane


class ChannelsLast:
    """A convolution, or the gradient of its input or filters, for arrays of these forms.

    `result`, the forms and the operands are those of `Convolution`, without groups.
    """

    def __init__(self, result: str, x: Form, weight: Form, y: Form, plane: Plane) -> None:
        self.result = result
        targets = {"x": CHANNELS_LAST, "weight": FILTERS_LAST, "y": CHANNELS_LAST}
        self.forms = {"x": x, "weight": weight, "y": y}
        self.layouts = {
            name: Layout(form.letters, form.letters, targets[name])
            for name, form in self.forms.items()
        }
        self.g = geometry.conv("accelerate", x.full, weight.full, *plane)
        self.dtypes = [
            dtype for dtype in (FLOAT32, FLOAT64) if is_faster(self.g, self.result, dtype)
        ]
        """Those for which this is faster than transposing."""

    def compute(self, first: Array, second: Array, bias: Array | None = None) -> Array:
        """The result, C-contiguous, in its form."""
        if self.result == "y":
            x, weight = self.to_kernels("x", first), self.to_kernels("weight", second)
            y = channels_last.conv(x, weight, bias, self.g)
            return self.layouts["y"].from_kernels(y)
        grad = self.to_kernels("y", first)
        if self.result == "dx":
            weight = self.to_kernels("weight", second)
            n, c, *size = self.g.x_shape
            x = np.empty((n, *size, c), first.dtype)  # only its shape matters
        else:
            x = self.to_kernels("x", second)
            o, c, *window = self.forms["weight"].full
            weight = np.empty((*window, c, o), first.dtype)  # only its shape matters
        needs = self.result == "dx", self.result == "dw", False
        dx, dw, _ = channels_last.conv_backward(grad, x, weight, self.g, needs)
        made = dx if dx is not None else dw
        assert made is not None
        return self.layouts["x" if self.result == "dx" else "weight"].from_kernels(made)

    def to_kernels(self, name: str, x: Array) -> Array:
        sizes = self.forms[name].sizes
        return self.layouts[name].to_kernels(x if x.shape == sizes else x.reshape(sizes))


def is_last(form: Form) -> bool:
    """Whether the axes are in the order of the kernels."""
    return form.letters == "".join(a for a in CHANNELS_LAST if a in form.letters)
