"""Convolutions, pooling, padding and resizing have the values and gradients of PyTorch."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.tensor import Tensor

torch = pytest.importorskip("torch", reason="compared with PyTorch")
TF = torch.nn.functional


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


SEQUENCE, IMAGES, VOLUME = numbers(2, 4, 9), numbers(2, 4, 7, 6), numbers(2, 4, 5, 6, 4)
FILTERS = {axes: numbers(4, 2, *(3, 2, 3)[:axes]) for axes in (1, 2, 3)}

# Each function takes a namespace like torch.nn.functional, and the arguments.
CASES = {
    "conv1d": (lambda f, x, w: f.conv1d(x, w, None, 2, 1, 2, 2), SEQUENCE, FILTERS[1]),
    "conv3d": (
        lambda f, x, w: f.conv3d(x, w, padding=(1, 0, 2), groups=2), VOLUME, FILTERS[3],
    ),
    "conv_transpose1d": (
        lambda f, x, w: f.conv_transpose1d(x, w, None, 3, 1, 2, 2), SEQUENCE, FILTERS[1],
    ),
    "conv_transpose2d": (
        lambda f, x, w, b: f.conv_transpose2d(x, w, b, 2, 1, 1), IMAGES, FILTERS[2], numbers(2),
    ),
    "conv_transpose3d": (
        lambda f, x, w: f.conv_transpose3d(x, w, dilation=2, groups=2), VOLUME[0], FILTERS[3],
    ),
    "max_pool1d": (lambda f, x: f.max_pool1d(x, 3, 2, 1, 2, True), SEQUENCE),
    "max_pool3d": (lambda f, x: f.max_pool3d(x, 2, 2, (1, 0, 1), ceil_mode=True), VOLUME),
    "avg_pool1d": (lambda f, x: f.avg_pool1d(x, 3, 2, 1, True, False), SEQUENCE),
    "avg_pool3d": (lambda f, x: f.avg_pool3d(x, 3, 2, 1, True, False), VOLUME),
    "avg_pool3d divisor": (lambda f, x: f.avg_pool3d(x, 2, divisor_override=5), VOLUME),
    "adaptive_avg_pool2d": (lambda f, x: f.adaptive_avg_pool2d(x, (3, 4)), IMAGES),
    "adaptive_avg_pool3d": (lambda f, x: f.adaptive_avg_pool3d(x, (1, None, 3)), VOLUME),
    "adaptive_max_pool2d": (lambda f, x: f.adaptive_max_pool2d(x, (5, 1)), IMAGES),
    "adaptive_max_pool3d": (lambda f, x: f.adaptive_max_pool3d(x, 2), VOLUME),
    "max_unpool2d": (
        lambda f, x: f.max_unpool2d(*f.max_pool2d(x, 3, 2, return_indices=True), 3, 2, 0, (7, 6)),
        IMAGES,
    ),
    "lp_pool2d": (lambda f, x: f.lp_pool2d(x * x, 1.5, 2, ceil_mode=True), IMAGES),
    "lp_pool1d": (lambda f, x: f.lp_pool1d(x, 2, 3, 2), SEQUENCE),
    "unfold": (lambda f, x: f.unfold(x, 2, (1, 2), 1, 2), IMAGES),
    "fold": (lambda f, x: f.fold(x, (4, 3), 2, 1, 0, (1, 1)), numbers(2, 8, 6)),
    "pad 5 axes": (lambda f, x: f.pad(x, (1, 2, -1, 1, 0, 2), "replicate"), VOLUME),
    "pad reflect, remove": (lambda f, x: f.pad(x, (-2, 5, 3, -1), "reflect"), IMAGES),
    "affine_grid": (
        lambda f, x: f.affine_grid(x, (2, 1, 3, 4, 2), align_corners=False), numbers(2, 3, 4),
    ),
    "grid_sample far away": (
        lambda f, x, grid: f.grid_sample(x, 9 * grid, "bicubic", "reflection", True),
        IMAGES, numbers(2, 3, 3, 2),
    ),
    **{
        f"{mode} {arguments}": (
            lambda f, x, mode=mode, arguments=arguments: f.interpolate(x, mode=mode, **arguments),
            {"linear": SEQUENCE, "trilinear": VOLUME}.get(mode, IMAGES),
        )
        for mode, *options in (
            ("nearest", {"scale_factor": 1.7}, {"size": 5}),
            ("nearest-exact", {"scale_factor": 1.7}, {"size": 5}),
            ("area", {"scale_factor": 0.6}),
            ("linear", {"scale_factor": 2.3}, {"size": 4, "align_corners": True}),
            ("trilinear", {"size": (4, 9, 2)}, {"scale_factor": 1.5, "align_corners": True}),
            ("bilinear", {"scale_factor": (0.4, 2.2)}, {"size": (3, 9), "align_corners": True},
             {"size": (3, 11), "antialias": True},
             {"scale_factor": 0.45, "antialias": True, "align_corners": True},
             {"scale_factor": 1.7, "recompute_scale_factor": True}),
            ("bicubic", {"scale_factor": 1.7}, {"size": (3, 9), "align_corners": True},
             {"size": (3, 11), "antialias": True}),
        )
        for arguments in options
    },
    **{
        f"grid_sample {mode} {padding} {align}": (
            lambda f, x, grid, *, options=(mode, padding, align): f.grid_sample(x, grid, *options),
            VOLUME if mode == "bilinear" else IMAGES,
            numbers(2, 3, 2, 4, 3) if mode == "bilinear" else numbers(2, 3, 4, 2),
        )
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for align in (False, True)
    },
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, dtype):
    function, *arguments = CASES[name]
    ours = [Tensor(x.astype(dtype), requires_grad=True) for x in arguments]
    theirs = [torch.tensor(x.astype(dtype), requires_grad=True) for x in arguments]
    y, expected = function(F, *ours), function(TF, *theirs)
    tolerance = 5e-5 if dtype == np.float32 else 1e-11
    start = numbers(*y.shape, seed=1).astype(dtype)
    y.backward(start)
    expected.backward(torch.tensor(start))
    pairs = [(y, expected), *((x.grad, z.grad) for x, z in zip(ours, theirs, strict=True))]
    for got, wanted in pairs:
        assert got.dtype == wanted.detach().numpy().dtype
        np.testing.assert_allclose(got.detach(), wanted.detach(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("axes", [2, 3])
def test_fractional_max_pool(axes):
    x = IMAGES if axes == 2 else VOLUME
    samples = np.random.default_rng(0).random((2, 4, axes))
    name, options = (
        f"fractional_max_pool{axes}d",
        {"output_ratio": (0.6,) * axes, "return_indices": True},
    )
    y, indices = getattr(F, name)(x, 2, **options, _random_samples=samples)
    expected, places = getattr(TF, name)(
        torch.tensor(x), 2, **options, _random_samples=torch.tensor(samples)
    )
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, places)
