"""Functions and transforms that change the values of pixels."""

import colorsys

import numpy as np
import pytest

import cnet
from cnet import Tensor, transforms
from cnet.transforms import functional as F
from cnet.transforms import v2

X = np.array([[0, 10, 100], [150, 200, 255]], np.uint8)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: F.adjust_brightness(x, 0.5), X // 2),
        (lambda x: F.adjust_brightness(x, 2), [[0, 20, 200], [255, 255, 255]]),
        (lambda x: F.adjust_contrast(x, 0), np.full_like(X, 119)),
        (lambda x: F.adjust_contrast(x, 1), X),
        (lambda x: F.adjust_saturation(x, 0.3), X),
        (lambda x: F.adjust_hue(x, 0.3), X),
        (lambda x: F.adjust_gamma(x, 1), X),
        (lambda x: F.adjust_gamma(x, 2), [[0, 0, 39], [88, 157, 255]]),
        (F.invert, 255 - X),
        (lambda x: F.posterize(x, 1), [[0, 0, 0], [128, 128, 128]]),
        (lambda x: F.posterize(x, 8), X),
        (lambda x: F.posterize(x, 0), 0 * X),
        (lambda x: F.solarize(x, 150), [[0, 10, 100], [105, 55, 0]]),
        (F.autocontrast, X),
        (lambda x: F.rgb_to_grayscale(x), X),
        (lambda x: F.rgb_to_grayscale(x, 3), np.stack([X] * 3, axis=-1)),
        (lambda x: F.erase(x, 0, 1, 2, 1, 7), [[0, 7, 100], [150, 7, 255]]),
    ],
)
def test_values(kind, call, expected):
    result = kind.array(call(kind.make(X)))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_autocontrast_stretches_each_channel(kind):
    colors = np.stack([X // 2, np.full_like(X, 30), X], axis=-1)
    result = kind.array(F.autocontrast(kind.make(colors)))
    assert (result[..., 0].min(), result[..., 0].max()) == (0, 255)
    np.testing.assert_array_equal(result[..., 1:], colors[..., 1:])


def test_colors_equal_pillow(kind, pixels):
    enhance, ops = pytest.importorskip("PIL.ImageEnhance"), pytest.importorskip("PIL.ImageOps")
    pillow = pytest.importorskip("PIL.Image").fromarray(pixels)
    for factor in (0, 0.3, 1, 1.7):
        for change, kind_of_change in (
            (F.adjust_brightness, enhance.Brightness),
            (F.adjust_contrast, enhance.Contrast),
            (F.adjust_saturation, enhance.Color),
            (F.adjust_sharpness, enhance.Sharpness),
        ):
            expected = np.asarray(kind_of_change(pillow).enhance(factor)).astype(int)
            result = kind.array(change(kind.make(pixels), factor))
            assert np.abs(result - expected).max() <= 1, (change, factor)
    for change, expected in (
        (F.invert, ops.invert(pillow)),
        (F.autocontrast, ops.autocontrast(pillow)),
        (F.equalize, ops.equalize(pillow)),
        (lambda x: F.posterize(x, 3), ops.posterize(pillow, 3)),
        (lambda x: F.solarize(x, 99), ops.solarize(pillow, 99)),
        (F.rgb_to_grayscale, pillow.convert("L")),
    ):
        result = kind.array(change(kind.make(pixels)))
        assert np.abs(result.astype(int) - np.asarray(expected)).max() <= 1


def test_equalize():
    ops, pillow = pytest.importorskip("PIL.ImageOps"), pytest.importorskip("PIL.Image")
    dark = (np.random.RandomState(0).rand(40, 50, 3) ** 3 * 255).astype(np.uint8)
    result = F.equalize(dark)
    np.testing.assert_array_equal(result, np.asarray(ops.equalize(pillow.fromarray(dark))))
    assert result.mean() > 2 * dark.mean()


@pytest.mark.parametrize("turn", [-0.5, -0.2, 0, 0.1, 0.5])
def test_hue(turn):
    colors = np.random.RandomState(0).rand(3, 4, 5)
    result = F.adjust_hue(Tensor(colors), turn).numpy()
    for color, got in zip(colors.reshape(3, -1).T, result.reshape(3, -1).T, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*color)
        expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_floats_keep_their_dtype():
    x = np.random.RandomState(0).rand(2, 3, 6, 7)
    for change in (
        lambda x: F.adjust_brightness(x, 1.5),
        lambda x: F.adjust_contrast(x, 1.5),
        lambda x: F.adjust_saturation(x, 1.5),
        lambda x: F.adjust_hue(x, 0.2),
        lambda x: F.adjust_gamma(x, 2.2),
        lambda x: F.adjust_sharpness(x, 0.5),
        lambda x: F.gaussian_blur(x, 3),
        F.autocontrast,
        F.invert,
    ):
        for dtype in (np.float32, np.float64):
            result = change(Tensor(x.astype(dtype)))
            assert (result.dtype, result.shape) == (dtype, x.shape)
            assert 0 <= result.numpy().min() <= result.numpy().max() <= 1
            single = change(Tensor(x[1].astype(dtype)))
            np.testing.assert_array_equal(result[1].numpy(), single.numpy())


def test_gaussian_blur():
    x = np.zeros((1, 5, 7))
    x[0, 2, 3] = 1
    weights = np.exp(-0.5 * (np.arange(-1, 2) / 0.8) ** 2)
    weights /= weights.sum()
    result = F.gaussian_blur(Tensor(x), 3, 0.8).numpy()[0]
    np.testing.assert_allclose(result[1:4, 2:5], np.outer(weights, weights))
    assert np.count_nonzero(result) == 9
    constant = F.gaussian_blur(np.full((5, 6), 77, np.uint8), (5, 3), (1.0, 2.0))
    assert (constant == 77).all()


class TestRandomErasing:
    x = Tensor(np.ones((3, 20, 30), np.float32))

    @pytest.mark.parametrize("value", [0, (1.5, 2.5, 3.5), "random"])
    def test_rectangle(self, value):
        cnet.manual_seed(0)
        erased = transforms.RandomErasing(1, (0.1, 0.3), (0.5, 2), value)(self.x).numpy()
        changed = (erased != 1).all(axis=0)
        rows, columns = np.nonzero(changed.any(axis=1))[0], np.nonzero(changed.any(axis=0))[0]
        area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert changed.sum() == area
        assert 0.08 <= area / 600 <= 0.32
        if isinstance(value, tuple):
            assert erased[:, rows[0], columns[0]].tolist() == list(value)
        assert (self.x.numpy() == 1).all()

    def test_in_place_and_never(self):
        x = Tensor(np.ones((1, 9, 9), np.float32))
        assert transforms.RandomErasing(0)(x) is x
        assert transforms.RandomErasing(1, inplace=True)(x) is x
        assert (x.numpy() == 0).any()

    def test_errors(self):
        with pytest.raises(ValueError, match="must be 'random'"):
            transforms.RandomErasing(value="zero")
        with pytest.raises(ValueError, match=r"one for each channel \(got 2 and 3\)"):
            transforms.RandomErasing(1, value=(1, 2))(self.x)
        with pytest.raises(TypeError, match=r"must be a Tensor \(got ndarray\)"):
            transforms.RandomErasing(1)(X)


@pytest.mark.parametrize("mix", [transforms.MixUp, transforms.CutMix])
def test_mixes(mix):
    images = np.random.RandomState(0).rand(4, 2, 8, 6).astype(np.float32)
    labels = np.array([0, 1, 2, 1])
    cnet.manual_seed(1)
    mixed, targets = mix(num_classes=3)(Tensor(images), Tensor(labels))
    assert (mixed.shape, targets.shape) == (images.shape, (4, 3))
    assert mixed.dtype == targets.dtype == np.float32
    share = targets.numpy()[0, 0]
    assert 0 < share < 1
    one_hot = np.eye(3, dtype=np.float32)[labels]
    other = np.roll(one_hot, 1, 0)
    np.testing.assert_allclose(targets.numpy(), share * one_hot + (1 - share) * other, rtol=1e-6)
    if mix is transforms.MixUp:
        expected = share * images + (1 - share) * np.roll(images, 1, 0)
        np.testing.assert_allclose(mixed.numpy(), expected, rtol=1e-5)
    else:
        kept = (mixed.numpy() == images).mean()
        np.testing.assert_allclose(kept, share, rtol=1e-6)
        assert ((mixed.numpy() == images) | (mixed.numpy() == np.roll(images, 1, 0))).all()
    again, _ = mix(num_classes=3)(Tensor(images), Tensor(one_hot))
    assert again.shape == images.shape


BATCH, LABELS = Tensor(np.zeros((2, 1, 2, 2), np.float32)), Tensor(np.array([0, 1]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.adjust_brightness(X, -1), ValueError, "must not be negative"),
        (lambda: F.adjust_hue(X, 0.6), ValueError, "from -0.5 to 0.5"),
        (lambda: F.adjust_contrast(np.zeros((2, 2, 5)), 1), ValueError, r"1 or 3 channels"),
        (lambda: F.posterize(X, 9), ValueError, "bits must be from 0 to 8"),
        (lambda: F.equalize(X.astype(float)), TypeError, "must be of dtype uint8"),
        (lambda: F.gaussian_blur(X, 2), ValueError, "positive odd numbers"),
        (lambda: F.gaussian_blur(X, 3, 0), ValueError, "sigma must be 1 or 2 positive"),
        (lambda: F.gaussian_blur(X, 5), ValueError, r"less than the image \(got 2 and 2\)"),
        (lambda: F.rgb_to_grayscale(X, 2), ValueError, "must be 1 or 3"),
        (lambda: transforms.ColorJitter(-1), ValueError, "brightness must not be negative"),
        (lambda: transforms.ColorJitter(hue=0.6), ValueError, "hue must be from -0.5 to 0.5"),
        (lambda: transforms.ColorJitter(contrast=(1, 2, 3)), TypeError, "a number or 2 numbers"),
        (lambda: transforms.GaussianBlur(4), ValueError, "positive odd"),
        (lambda: transforms.GaussianBlur(3, (2, 1)), ValueError, "2 in order"),
        (lambda: transforms.AutoAugment("cifar10"), ValueError, "must be an AutoAugmentPolicy"),
        (lambda: transforms.RandAugment(2, 31), ValueError, r"\(got 31 and 31\)"),
        (lambda: transforms.AugMix(11), ValueError, r"from 1 to 10 \(got 11\)"),
        (lambda: transforms.Lambda(3), TypeError, r"must be callable \(got int\)"),
        (lambda: transforms.RandomApply("ab"), TypeError, r"must be a sequence \(got str\)"),
        (lambda: transforms.RandomChoice([F.hflip], [1, 2]), ValueError, r"\(got 2 and 1\)"),
        (lambda: transforms.MixUp(alpha=0), ValueError, "alpha must be positive"),
        (lambda: transforms.MixUp()(BATCH, LABELS), ValueError, "num_classes must be given"),
        (lambda: transforms.CutMix(num_classes=1)(BATCH, LABELS), ValueError, r"0 to 1 and 1\)"),
        (lambda: transforms.CutMix()(BATCH[0], LABELS), ValueError, r"floats \(n, c, h, w\)"),
        (lambda: transforms.CutMix()(BATCH, LABELS[:1]), ValueError, r"\(got 1 and 2\)"),
        (lambda: transforms.CutMix()(X, LABELS), TypeError, r"must be a Tensor \(got ndarray\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_representations():
    compose = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.25,))])
    assert repr(compose) == ("Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.25,))\n)")
    assert repr(transforms.RandomCrop(3, 1)) == "RandomCrop(size=(3, 3), padding=1)"
    choice = transforms.RandomChoice([transforms.RandomInvert()], p=[2])
    assert repr(choice) == "RandomChoice(p=[2]\n    RandomInvert(p=0.5)\n)"


def test_transforms_are_modules():
    steps = cnet.nn.Sequential(transforms.CenterCrop(2), transforms.RandomInvert(1))
    assert steps(Tensor(X[None])).tolist() == [[[255, 245], [105, 55]]]


def test_second_version():
    steps = v2.Compose([v2.ToImage(), v2.ToDtype(np.float32, scale=True), v2.RandomInvert(p=1)])
    np.testing.assert_allclose(steps(X).numpy()[0], 1 - X / 255, atol=1e-6)
    assert v2.ToDtype(np.float32)(Tensor(X)).tolist() == X.tolist()
