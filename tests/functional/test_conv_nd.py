"""Convolutions with one to three axes, and transposed convolutions, against sums in NumPy."""

from itertools import product

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck

SIZES, KERNEL = (5, 6, 4), (3, 2, 3)
OPTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (3,), "padding": 2, "dilation": 2},
    {"padding": "same", "dilation": 2},
]
TRANSPOSED = [
    {},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"stride": 2, "dilation": 3, "output_padding": 2},
]
AXES = pytest.mark.parametrize("axes", [1, 2, 3])


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def correlation(x, weight, stride=1, padding=0, dilation=1):
    """The convolution without groups, tap by tap."""
    axes = x.ndim - 2
    kernel = weight.shape[2:]
    stride = stride[0] if isinstance(stride, tuple) else stride
    reach = [dilation * (k - 1) for k in kernel]
    ends = [(r // 2, r - r // 2) if padding == "same" else (padding,) * 2 for r in reach]
    x = np.pad(x, [(0, 0), (0, 0), *ends])
    sizes = [(size - r - 1) // stride + 1 for size, r in zip(x.shape[2:], reach, strict=True)]
    y = np.zeros((x.shape[0], weight.shape[0], *sizes))
    for tap in product(*map(range, kernel)):
        cells = [
            slice(t * dilation, t * dilation + (size - 1) * stride + 1, stride)
            for t, size in zip(tap, sizes, strict=True)
        ]
        part = x[(slice(None), slice(None), *cells)]
        y += np.moveaxis(np.tensordot(weight[(..., *tap)], part, (1, 1)), 0, 1)
    assert y.ndim == axes + 2
    return y


@AXES
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_convolution(axes, options):
    convolve = getattr(F, f"conv{axes}d")
    x, weight = numbers(2, 4, *SIZES[:axes]), numbers(6, 2, *KERNEL[:axes], seed=1)
    bias = numbers(6, seed=2)
    halves = [correlation(x[:, 2 * g : 2 * g + 2], weight[3 * g : 3 * g + 3], **options)
              for g in range(2)]  # fmt: skip
    expected = np.concatenate(halves, 1) + bias.reshape(-1, *[1] * axes)
    y = convolve(x, weight, bias, groups=2, **options)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    np.testing.assert_array_equal(convolve(x[0], weight, bias, groups=2, **options), y[0])
    assert gradcheck(lambda *args: convolve(*args, groups=2, **options), (x, weight, bias))
    assert gradcheck(lambda w: convolve(x, w, groups=2, **options), weight)


@AXES
@pytest.mark.parametrize("options", TRANSPOSED, ids=str)
def test_transposed_convolution(axes, options):
    """The adjoint of the convolution: it has the same inner products."""
    transposed, convolve = getattr(F, f"conv_transpose{axes}d"), getattr(F, f"conv{axes}d")
    x, weight = numbers(2, 4, *SIZES[:axes]), numbers(4, 3, *KERNEL[:axes], seed=1)
    bias = numbers(6, seed=2)
    y = transposed(x, weight, None, groups=2, **options)
    other = numbers(*y.shape, seed=3)
    window = {name: value for name, value in options.items() if name != "output_padding"}
    back = convolve(other, weight, groups=2, **window).numpy()
    back = back[(..., *[slice(size) for size in x.shape[2:]])]
    np.testing.assert_allclose((y.numpy() * other).sum(), (x * back).sum())
    shifted = transposed(x, weight, bias, groups=2, **options)
    np.testing.assert_allclose(shifted, y + bias.reshape(-1, *[1] * axes), atol=1e-12)
    np.testing.assert_array_equal(transposed(x[0], weight, None, groups=2, **options), y[0])
    assert gradcheck(lambda *args: transposed(*args, groups=2, **options), (x, weight, bias))
    assert gradcheck(lambda b: transposed(x, weight, b, groups=2, **options), bias)


@AXES
def test_no_images(axes):
    x, weight = np.zeros((0, 2, *SIZES[:axes])), numbers(2, 2, *KERNEL[:axes])
    assert getattr(F, f"conv{axes}d")(x, weight).shape[:2] == (0, 2)
    assert gradcheck(getattr(F, f"conv_transpose{axes}d"), (x, weight, numbers(2)))


X1, X3 = np.zeros((2, 4, 5)), np.zeros((2, 4, 5, 6, 4))


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "conv1d: input must have 3 dimensions, or 2 for one sequence "
         "(got 5, shape (2, 4, 5, 6, 4))", lambda: F.conv1d(X3, np.zeros((1, 4, 1)))),
        (ValueError, "conv3d: input must have 5 dimensions, or 4 for one volume "
         "(got 3, shape (2, 4, 5))", lambda: F.conv3d(X1, np.zeros((1, 4, 1, 1, 1)))),
        (ValueError, "conv3d: weight must have 5 dimensions (got 4, shape (1, 4, 1, 1))",
         lambda: F.conv3d(X3, np.zeros((1, 4, 1, 1)))),
        (TypeError, "conv1d: weight.dtype must equal x.dtype (got float32 and float64)",
         lambda: F.conv1d(X1, np.zeros((1, 4, 1), np.float32))),
        (ValueError, "conv3d: kernel_size, dilated, must fit into the padded input "
         "(got 6x1x1 and 5x6x4)", lambda: F.conv3d(X3, np.zeros((1, 4, 6, 1, 1)))),
        (ValueError, "conv1d: weight.shape[1] must equal x.shape[1] / groups (got 4 and 2)",
         lambda: F.conv1d(X1, np.zeros((2, 4, 1)), groups=2)),
        (ValueError, "conv_transpose1d: weight.shape[0] must equal x.shape[1] (got 3 and 4)",
         lambda: F.conv_transpose1d(X1, np.zeros((3, 1, 2)))),
        (ValueError, "conv_transpose3d: bias.shape must equal (weight.shape[1] * groups,) "
         "(got (3,) and (2,))",
         lambda: F.conv_transpose3d(X3, np.zeros((4, 2, 1, 1, 1)), np.zeros(3))),
        (ValueError, "conv_transpose1d: output_padding must be less than stride or dilation "
         "(got (1,), (1,) and (1,))",
         lambda: F.conv_transpose1d(X1, np.zeros((4, 1, 2)), output_padding=1)),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert str(caught.value) == message
