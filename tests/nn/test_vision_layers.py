"""Pooling, padding, resizing and rearranging layers: the functions that they call, and text."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn

SEQUENCE, IMAGES, VOLUME = (
    np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    for shape in ((2, 8, 12), (2, 8, 9, 12), (2, 8, 4, 6, 8))
)
INPUTS = {1: SEQUENCE, 2: IMAGES, 3: VOLUME}

POOLS = [
    case
    for axes, x in INPUTS.items()
    for case in (
        (f"MaxPool{axes}d(3, 2, 1, ceil_mode=True)", x, {"kernel_size": 3, "stride": 2,
         "padding": 1, "ceil_mode": True},
         "kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True"),
        (f"AdaptiveAvgPool{axes}d(5)", x, {"output_size": 5}, "output_size=5"),
        (f"AdaptiveMaxPool{axes}d(2)", x, {"output_size": 2}, "output_size=2"),
        (f"LPPool{axes}d(2, 3)", x, {"norm_type": 2, "kernel_size": 3},
         "norm_type=2, kernel_size=3, stride=None, ceil_mode=False"),
    )
]  # fmt: skip
PADS = [
    (f"{kind}Pad{axes}d({[2, 1] * axes})", x, {"pad": [2, 1] * axes, "mode": mode},
     str((2, 1) * axes))
    for axes, x in INPUTS.items()
    for kind, mode in (
        ("Zero", "constant"), ("Reflection", "reflect"), ("Replication", "replicate"),
        ("Circular", "circular"),
    )
]  # fmt: skip
OTHERS = [
    ("AvgPool1d(3, padding=1)", SEQUENCE, {"kernel_size": 3, "padding": 1},
     "kernel_size=(3,), stride=(3,), padding=(1,)"),
    ("AvgPool2d((3, 2), 1)", IMAGES, {"kernel_size": (3, 2), "stride": 1},
     "kernel_size=(3, 2), stride=1, padding=0"),
    ("AvgPool3d(2, divisor_override=3)", VOLUME, {"kernel_size": 2, "divisor_override": 3},
     "kernel_size=2, stride=2, padding=0"),
    ("Upsample(scale_factor=2, mode='bilinear')", IMAGES, {"scale_factor": 2, "mode": "bilinear"},
     "scale_factor=2.0, mode='bilinear'"),
    ("Upsample((3, 4))", IMAGES, {"size": (3, 4)}, "size=(3, 4), mode='nearest'"),
    ("UpsamplingNearest2d(scale_factor=2)", IMAGES, {"scale_factor": 2},
     "scale_factor=2.0, mode='nearest'"),
    ("UpsamplingBilinear2d(7)", IMAGES, {"size": 7, "mode": "bilinear", "align_corners": True},
     "size=7, mode='bilinear'"),
    ("Unfold(3, stride=2)", IMAGES, {"kernel_size": 3, "stride": 2},
     "kernel_size=3, dilation=1, padding=0, stride=2"),
    ("Fold((3, 4), 2)", np.ones((8, 6)), {"output_size": (3, 4), "kernel_size": 2},
     "output_size=(3, 4), kernel_size=2, dilation=1, padding=0, stride=1"),
    ("PixelShuffle(2)", IMAGES, {"upscale_factor": 2}, "upscale_factor=2"),
    ("PixelUnshuffle(3)", IMAGES, {"downscale_factor": 3}, "downscale_factor=3"),
    ("ChannelShuffle(4)", IMAGES, {"groups": 4}, "groups=4"),
    ("ConstantPad2d(2, 0.5)", IMAGES, {"pad": (2,) * 4, "value": 0.5},
     "padding=(2, 2, 2, 2), value=0.5"),
    ("ConstantPad1d((1, 0), 3)", SEQUENCE, {"pad": (1, 0), "value": 3},
     "padding=(1, 0), value=3"),
    ("ConstantPad3d(1, 0)", VOLUME, {"pad": (1,) * 6}, "padding=(1, 1, 1, 1, 1, 1), value=0"),
]  # fmt: skip
FUNCTIONS = {
    "MaxPool": "max_pool", "AvgPool": "avg_pool", "AdaptiveAvgPool": "adaptive_avg_pool",
    "AdaptiveMaxPool": "adaptive_max_pool", "LPPool": "lp_pool", "Upsample": "interpolate",
    "UpsamplingNearest2d": "interpolate", "UpsamplingBilinear2d": "interpolate",
    "Unfold": "unfold", "Fold": "fold", "PixelShuffle": "pixel_shuffle",
    "PixelUnshuffle": "pixel_unshuffle", "ChannelShuffle": "channel_shuffle",
}  # fmt: skip


def function_of(name):
    """The function that a layer calls."""
    if "Pad" in name:
        return F.pad
    axes = name[-2:] if name[:-2] in FUNCTIONS else ""
    return getattr(F, FUNCTIONS[name.removesuffix(axes)] + axes)


def layer_of(text, module=nn):
    return eval(f"nn.{text}", {"nn": module})


@pytest.mark.parametrize(
    ("text", "x", "options", "shown"), [*POOLS, *PADS, *OTHERS], ids=lambda value: str(value)[:30]
)
def test_layers_call_functions(text, x, options, shown):
    layer, name = layer_of(text), text.partition("(")[0]
    np.testing.assert_array_equal(layer(x), function_of(name)(x, **options))
    assert repr(layer) == f"{name}({shown})"


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_indices_and_unpooling(axes):
    x = INPUTS[axes]
    y, indices = getattr(nn, f"MaxPool{axes}d")(2, return_indices=True)(x)
    layer = getattr(nn, f"MaxUnpool{axes}d")(2)
    expected = getattr(F, f"max_unpool{axes}d")(y, indices, 2, output_size=x.shape[2:])
    np.testing.assert_array_equal(layer(y, indices, x.shape), expected)
    assert repr(layer).endswith(f"(kernel_size={(2,) * axes}, stride={(2,) * axes}, "
                                f"padding={(0,) * axes})")  # fmt: skip
    y, indices = getattr(nn, f"AdaptiveMaxPool{axes}d")(3, return_indices=True)(x)
    assert indices.dtype == np.int64


@pytest.mark.parametrize("axes", [2, 3])
def test_fractional_pooling(axes):
    samples = np.random.default_rng(0).random((2, 8, axes))
    layer = getattr(nn, f"FractionalMaxPool{axes}d")(2, 3, _random_samples=samples)
    function = getattr(F, f"fractional_max_pool{axes}d")
    x = INPUTS[axes]
    np.testing.assert_array_equal(layer(x), function(x, 2, 3, _random_samples=samples))
    assert list(layer.state_dict()) == ["_random_samples"]
    layer = getattr(nn, f"FractionalMaxPool{axes}d")(2, output_ratio=0.5, return_indices=True)
    assert len(layer(x)) == 2


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "ReflectionPad2d: padding must be a number or 4 numbers (got (1, 2))",
         lambda: nn.ReflectionPad2d((1, 2))),
        (TypeError, "ZeroPad1d: padding must be ints (got 1.5)", lambda: nn.ZeroPad1d(1.5)),
        (ValueError, "ReplicationPad1d: input must have 2 or 3 dimensions (got 4",
         lambda: nn.ReplicationPad1d(1)(IMAGES)),
        (ValueError, "MaxUnpool2d: kernel_size must be at least 1 (got 0)",
         lambda: nn.MaxUnpool2d(0)),
        (ValueError, "LPPool1d: kernel_size must be at least 1 (got 0)",
         lambda: nn.LPPool1d(2, 0)),
        (ValueError, "FractionalMaxPool2d: exactly one of output_size and output_ratio",
         lambda: nn.FractionalMaxPool2d(2)),
        (ValueError, "FractionalMaxPool2d: output_ratio must be between 0 and 1 (got (2, 2))",
         lambda: nn.FractionalMaxPool2d(2, output_ratio=2)),
        (ValueError, "AvgPool3d: divisor_override must not be zero",
         lambda: nn.AvgPool3d(2, divisor_override=0)),
        (ValueError, "MaxPool1d: padding must be at most half of kernel_size (got (2,) and (3,))",
         lambda: nn.MaxPool1d(3, padding=2)),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert message in str(caught.value)


@pytest.mark.parametrize("text", [case[0] for case in (*POOLS, *PADS, *OTHERS)])
def test_text_is_that_of_pytorch(text):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    theirs = text.replace("[", "(").replace("]", ")") if "Pad" in text else text
    assert repr(layer_of(text)) == repr(layer_of(theirs, torch.nn))
