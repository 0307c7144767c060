"""Layouts of plans: images in blocks of channels, and the steps between convolutions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn
from plan.networks import Of, conv, images, kernels_of, random_weight, residual, shortcut


def _gate(x: Any) -> Any:
    x = conv(x, 32, 1)
    return x * cnet.sigmoid(conv(F.relu(conv(x.mean((2, 3), keepdim=True), 16, 1)), 32, 1))


BLOCKED: dict[str, Callable[[Any], Any]] = {
    "limits": lambda x: F.relu6(conv(x, 32)) + conv(x, 32).clamp(-0.5, 0.25),
    "limited twice": lambda x: F.relu(conv(x, 32).clamp(-0.5, 0.25)),
    "residual": residual,
    "shortcut": shortcut,
    "added to itself": lambda x: (lambda y: y + y)(conv(x, 32)),
    "gate": _gate,
    "gate of the input": lambda x: x * cnet.sigmoid(conv(x, 32, 1).mean((2, 3), keepdim=True)),
    "constants": lambda x: (2 - conv(x, 32)) * random_weight(32, 1, 1).to(x.dtype) + 0.5,
    "activations": lambda x: F.hardswish(conv(F.silu(conv(x, 40)), 20)),
    "depthwise": lambda x: F.relu6(conv(F.relu(conv(x, 32, 3, groups=32, padding=1)), 16, 1)),
    "depthwise, strided": lambda x: conv(x, 32, 5, groups=32, padding=2, stride=2),
    "depthwise, dilated": lambda x: conv(x, 32, 3, groups=32, padding=2, dilation=2),
    "groups": lambda x: conv(x, 64, 3, groups=2, padding=1),
    "max pool": lambda x: F.max_pool2d(conv(x, 20), 3, 2, 1),
    "average pool": lambda x: F.avg_pool2d(conv(x, 20), 2),
    "global average": lambda x: F.adaptive_avg_pool2d(conv(x, 20), 1).flatten(1),
    "joined": lambda x: conv(cnet.cat([conv(x, 16), conv(x, 32)], 1), 16),
    "cut": lambda x: conv(x, 32, 3, stride=(1, 2), padding=(0, 2)),
}
"""Functions of images with 32 channels whose steps all compute on blocked images."""

CONVERTED: dict[str, Callable[[Any], Any]] = {
    "joined in parts of blocks": lambda x: cnet.cat([conv(x, 20), x[:, :, 2:, 2:]], 1),
    "joined with plain images": lambda x: cnet.cat([conv(x, 16), x[:, :, 2:, 2:]], 1),
    "shuffled": lambda x: conv(x, 32).reshape(-1, 2, 16, 10, 7).transpose(1, 2).flatten(1, 2),
    "softmax": lambda x: F.softmax(conv(x, 20), -1),
    "logarithm": lambda x: conv(cnet.log(1 + conv(x, 20).abs()), 16),
    "quotient": lambda x: conv(x, 20) / (2 + conv(x, 20).abs()),
    "padded average pool": lambda x: F.avg_pool2d(conv(x, 20), 3, 2, 1),
    "joined with nothing": lambda x: F.pad(conv(x, 32)[:, :, :0], (0, 0, 1, 2)) + 1,
    "rows": lambda x: conv(x, 20) - conv(x, 20)[:, :, :1],
    "along columns": lambda x: conv(x, 9, 1)[:, :, :9] * conv(x, 9, 1).mean((2, 3))[:, None, None],
    "wide strides": lambda x: conv(conv(x, 32), 32, stride=3),
    "few outputs": lambda x: F.relu(conv(conv(x, 32), 3)),
    "reshaped": lambda x: F.relu(conv(x, 16, 1).reshape(-1, 32, 9, 6)) + 1,
    "seen as other images": lambda x: conv(conv(x, 16, 1).reshape(-1, 32, 9, 6), 16),
}
"""Functions with steps that need plain images."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", cnet.available_isas())
@pytest.mark.parametrize("name", [*BLOCKED, *CONVERTED])
def test_agrees_with_the_model(name: str, isa: str, dtype: Any) -> None:
    model, x = Of((BLOCKED | CONVERTED)[name]).eval(), images(dtype)
    with cnet.use_isa(isa), cnet.no_grad():
        plan, expected = cnet.compile(model, x), model(cnet.tensor(x)).numpy()
        y = plan(x)
    bound = (1e-5 if dtype == np.float32 else 1e-13) * np.abs(expected).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("name", BLOCKED)
def test_only_the_ends_are_converted(name: str) -> None:
    x = images()
    steps = [step for step, _ in cnet.compile(Of(BLOCKED[name]).eval(), x).profile(x)]
    conversions = [step for step in steps if step.split()[0] in ("block", "unblock")]
    assert len(conversions) <= 2, steps


def test_what_follows_a_convolution_is_part_of_it() -> None:
    x = images()
    plan = cnet.compile(Of(residual).eval(), x)
    kernels = kernels_of(plan, x)
    assert kernels == ["block", "blocked_conv2d", "blocked_conv2d", "unblock"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_layers_read_whole_blocks(dtype: Any) -> None:
    model = Of(
        lambda x: F.linear(conv(x, 48).flatten(1), random_weight(5, 48 * 70).to(x.dtype))
    ).eval()
    x = images(dtype)
    plan = cnet.compile(model, x)
    kernels = kernels_of(plan, x)
    assert kernels == ["block", "blocked_conv2d", "prepared_linear"]
    with cnet.no_grad():
        expected = model(cnet.tensor(x)).numpy()
    bound = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(plan(x), expected, rtol=0, atol=bound)


def test_linear_layers_convert_parts_of_blocks() -> None:
    model = Of(
        lambda x: F.linear(conv(x, 40).flatten(1), random_weight(5, 40 * 70).to(x.dtype))
    ).eval()
    x = images()
    kernels = kernels_of(cnet.compile(model, x), x)
    assert kernels == ["block", "blocked_conv2d", "unblock", "prepared_linear"]


def test_batch_norm_is_folded() -> None:
    model = nn.Sequential(nn.Conv2d(32, 32, 3), nn.BatchNorm2d(32), nn.ReLU6()).eval()
    model[1].running_mean.data[...] = 0.5
    x = images()
    plan = cnet.compile(model, x)
    assert kernels_of(plan, x) == [
        "block", "blocked_conv2d", "unblock",
    ]  # fmt: skip
    np.testing.assert_allclose(plan(x), model(x).detach().numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays(special: float) -> None:
    x = images()
    x[1, 3, 5, 5] = special
    model = Of(lambda x: F.relu6(conv(x, 32, 5, groups=32))).eval()
    plan = cnet.compile(model, x)
    with np.errstate(invalid="ignore"), cnet.no_grad():
        expected = model(cnet.tensor(x)).numpy()
    np.testing.assert_allclose(plan(x), expected, atol=1e-5)


def test_bits_do_not_depend_on_threads() -> None:
    model = Of(lambda x: _gate(shortcut(residual(x))[:, :32])).eval()
    x = np.concatenate([images()] * 8)
    plan = cnet.compile(model, x)
    with cnet.use_threads(1):
        expected = plan(x)
    for threads in (2, 3, 8):
        with cnet.use_threads(threads):
            np.testing.assert_array_equal(plan(x), expected)
