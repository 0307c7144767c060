"""Functions and transforms that move pixels, for images of every kind."""

import numpy as np
import pytest

from cnet import Tensor, manual_seed, transforms
from cnet.transforms import InterpolationMode
from cnet.transforms import functional as F

X = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
SQUARE = np.array([(0, 0), (2, 0), (2, 2), (0, 2)])
MODES = InterpolationMode.NEAREST, InterpolationMode.BILINEAR, InterpolationMode.BICUBIC


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (F.hflip, [[3, 2, 1], [6, 5, 4]]),
        (F.vflip, [[4, 5, 6], [1, 2, 3]]),
        (lambda x: F.crop(x, 1, 1, 1, 2), [[5, 6]]),
        (lambda x: F.crop(x, -1, -1, 2, 3), [[0, 0, 0], [0, 1, 2]]),
        (lambda x: F.crop(x, 1, 2, 2, 2), [[6, 0], [0, 0]]),
        (lambda x: F.crop(x, 5, 5, 1, 2), [[0, 0]]),
        (lambda x: F.center_crop(x, 1), [[2]]),
        (lambda x: F.center_crop(x, (4, 1)), [[0], [2], [5], [0]]),
        (lambda x: F.pad(x, 1), np.pad(X, 1)),
        (lambda x: F.pad(x, (1, 0), 9), [[9, 1, 2, 3, 9], [9, 4, 5, 6, 9]]),
        (lambda x: F.pad(x, (1, 0, 0, 1)), [[0, 1, 2, 3], [0, 4, 5, 6], [0, 0, 0, 0]]),
        (lambda x: F.pad(x, (-1, 0, 0, 1)), [[2, 3], [5, 6], [0, 0]]),
        (lambda x: F.pad(x, (1, 0), padding_mode="edge"), [[1, 1, 2, 3, 3], [4, 4, 5, 6, 6]]),
        (lambda x: F.pad(x, (1, 0), padding_mode="reflect"), [[2, 1, 2, 3, 2], [5, 4, 5, 6, 5]]),
        (lambda x: F.pad(x, 1, padding_mode="symmetric"), np.pad(X, 1, "symmetric")),
        (lambda x: F.rotate(x, 180), [[6, 5, 4], [3, 2, 1]]),
        (lambda x: F.rotate(x, 90, expand=True), [[3, 6], [2, 5], [1, 4]]),
        (lambda x: F.rotate(x, -90, expand=True), [[4, 1], [5, 2], [6, 3]]),
        (lambda x: F.rotate(x, 90, center=(1, 1), fill=7), [[2, 5, 7], [1, 4, 7]]),
        (lambda x: F.affine(x, 0, (1, 1), 1, 0, fill=9), [[9, 9, 9], [9, 1, 2]]),
        (lambda x: F.affine(x, 180, (0, 0), 1, 0), [[6, 5, 4], [3, 2, 1]]),
        (lambda x: F.affine(x, 0, (0, 0), 2, 0, center=(0, 0)), [[1, 1, 2], [1, 1, 2]]),
        (lambda x: F.perspective(x, SQUARE, SQUARE[:, ::-1], "nearest", 9), [[1, 4, 9], [2, 5, 9]]),
        (lambda x: F.resize(x, (4, 6), "nearest"), X.repeat(2, 0).repeat(2, 1)),
        (lambda x: F.resize(x, (2, 3)), X),
        (lambda x: F.resized_crop(x, 0, 1, 2, 1, (2, 2)), [[2, 2], [5, 5]]),
    ],
)
def test_values(kind, call, expected):
    result = kind.array(call(kind.make(X)))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_channels_move_together(kind):
    colors = np.stack([X, X + 10, X + 20], axis=-1)
    for call in (
        F.hflip,
        lambda x: F.crop(x, 0, 1, 3, 2),
        lambda x: F.pad(x, 1, padding_mode="edge"),
        lambda x: F.rotate(x, 90, expand=True),
        lambda x: F.resize(x, 5),
    ):
        result = kind.array(call(kind.make(colors)))
        for channel in range(3):
            one = kind.array(call(kind.make(np.ascontiguousarray(colors[..., channel]))))
            np.testing.assert_array_equal(result[..., channel], one)
    padded = kind.array(F.pad(kind.make(colors), 1, fill=(1, 2, 3)))
    assert padded[0, 0].tolist() == [1, 2, 3]
    turned = kind.array(F.rotate(kind.make(colors), 45, fill=(1, 2, 3)))
    assert turned[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(5, 7), (18, 24), (4, 30), (1, 1), (9, 6)])
def test_resize_equals_pillow(kind, pixels, mode, size):
    pillow = pytest.importorskip("PIL.Image")
    result = kind.array(F.resize(kind.make(pixels), size, mode))
    number = {"nearest": 0, "bilinear": 2, "bicubic": 3}[mode.value]
    expected = np.asarray(pillow.fromarray(pixels).resize(size[::-1], number))
    if mode is InterpolationMode.NEAREST and kind.name != "pil":
        # Pillow takes the pixel at the centre, PyTorch that at the beginning.
        rows, columns = (np.arange(n) * old // n for n, old in zip(size, (9, 12), strict=True))
        expected = pixels[rows][:, columns]
    difference = np.abs(result.astype(int) - expected)
    if mode is InterpolationMode.BICUBIC:  # Pillow cuts off values between the two axes
        assert np.mean(difference > 1) < 0.25
        assert difference.mean() < 2
    else:
        assert difference.max() <= 1


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(5, 7), (18, 25), (4, 30), (1, 1)])
def test_resize_equals_pytorch(mode, size, antialias):
    torch = pytest.importorskip("torch")
    if antialias and mode.startswith("nearest"):
        return
    x = np.random.RandomState(0).rand(2, 3, 9, 12)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x), size, mode=mode, antialias=antialias
    )
    result = F.resize(Tensor(x), size, mode, antialias=antialias)
    np.testing.assert_allclose(result.numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("fill", [0, 77])
@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("angle", [-100, 3, 45, 90, 200])
def test_rotate_equals_pillow(kind, pixels, angle, mode, fill):
    pillow = pytest.importorskip("PIL.Image")
    for expand, center in ((False, None), (True, None), (False, (2, 7))):
        image = pillow.fromarray(pixels)
        color = fill if pixels.ndim == 2 else (fill,) * 3
        number = {"nearest": 0, "bilinear": 2}[mode.value]
        expected = np.asarray(image.rotate(angle, number, expand, center, fillcolor=color))
        result = kind.array(F.rotate(kind.make(pixels), angle, mode, expand, center, fill))
        assert result.shape == expected.shape
        assert np.mean(np.abs(result.astype(int) - expected) > 1) <= 0.02


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize(
    "arguments",
    [(30, (2, -1), 1.3, (10, 0)), (0, (0, 0), 0.7, (0, 20)), (-50, (1, 3), 1, 15)],
)
def test_affine_equals_pillow(pixels, arguments, mode):
    """The own sampling against that of Pillow."""
    pillow = pytest.importorskip("PIL.Image")
    expected = np.asarray(F.affine(pillow.fromarray(pixels), *arguments, mode, 5))
    result = F.affine(pixels, *arguments, mode, 5)
    assert np.mean(np.abs(result.astype(int) - expected) > 1) <= 0.02


@pytest.mark.parametrize("mode", MODES[:2])
def test_perspective_equals_pillow(pixels, mode):
    pillow = pytest.importorskip("PIL.Image")
    starts, ends = [(0, 0), (11, 0), (11, 8), (0, 8)], [(2, 1), (10, 0), (9, 7), (1, 8)]
    expected = np.asarray(F.perspective(pillow.fromarray(pixels), starts, ends, mode, 5))
    result = F.perspective(pixels, starts, ends, mode, 5)
    assert np.mean(np.abs(result.astype(int) - expected) > 1) <= 0.02


def test_perspective_of_a_tensor():
    """Values of torchvision 0.28, for points that move in two directions."""
    x = Tensor(np.arange(20.0).reshape(1, 4, 5))
    starts, ends = [(0, 0), (4, 0), (4, 3), (0, 3)], [(0, 0), (4, 1), (3, 3), (0, 2)]
    expected = [[5.8667, 4.9655, 4.1806], [14.1176, 12.4651, 11.0504]]
    result = F.perspective(x, starts, ends)
    np.testing.assert_allclose(result.numpy()[0, 1:3, 1:4], expected, atol=1e-4)


def test_corners_move_inwards():
    transform = transforms.RandomPerspective(0.5)
    for _ in range(100):
        starts, ends = transform.get_params(21, 11, 0.5)
        assert starts == [[0, 0], [20, 0], [20, 10], [0, 10]]
        moves = np.abs(np.array(ends) - starts)
        assert moves[:, 0].max() <= 5
        assert moves[:, 1].max() <= 2
        assert np.array_equal(np.array(ends) > (10, 5), np.array(starts) > (10, 5))


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [(6, None, (6, 8)), ([18], None, (18, 24)), (6, 7, (5, 7)), (None, 24, (18, 24))],
)
def test_sizes_keep_the_proportion(kind, pixels, size, max_size, expected):
    resize = transforms.Resize(size, max_size=max_size)
    assert F.get_image_size(resize(kind.make(pixels))) == [*expected[::-1]]
    upright = np.ascontiguousarray(np.swapaxes(pixels, 0, 1))
    assert F.get_image_size(resize(kind.make(upright))) == [*expected]


def test_five_and_ten_crops(kind, pixels):
    image = kind.make(pixels)
    parts = [kind.array(part) for part in transforms.FiveCrop((4, 5))(image)]
    for part, (top, left) in zip(parts, [(0, 0), (0, 7), (5, 0), (5, 7), (2, 4)], strict=True):
        np.testing.assert_array_equal(part, pixels[top : top + 4, left : left + 5])
    ten = [kind.array(part) for part in transforms.TenCrop((4, 5))(image)]
    for part, mirrored in zip(ten[:5], (1, 0, 3, 2), strict=False):
        np.testing.assert_array_equal(part, ten[5 + mirrored][:, ::-1])
    vertical = [kind.array(part) for part in F.ten_crop(image, (4, 5), vertical_flip=True)]
    np.testing.assert_array_equal(vertical[5], pixels[::-1][:4, :5])


RANDOM = [
    transforms.RandomCrop(6, padding=2),
    transforms.RandomCrop((12, 14), pad_if_needed=True, padding_mode="reflect"),
    transforms.RandomHorizontalFlip(),
    transforms.RandomVerticalFlip(),
    transforms.RandomResizedCrop(5),
    transforms.RandomRotation(30),
    transforms.RandomAffine(30, (0.2, 0.1), (0.8, 1.2), (-10, 10, -5, 5), fill=3),
    transforms.RandomPerspective(0.7, 0.9, fill=3),
    transforms.ColorJitter(0.4, 0.4, 0.4, 0.2),
    transforms.GaussianBlur(3),
    transforms.RandomGrayscale(0.5),
    transforms.AutoAugment(),
    transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10, fill=9),
    transforms.AutoAugment(transforms.AutoAugmentPolicy.SVHN),
    transforms.RandAugment(),
    transforms.TrivialAugmentWide(),
    transforms.AugMix(),
    transforms.AugMix(5, 2, 1, all_ops=False),
    transforms.RandomApply([transforms.RandomInvert(1)]),
    transforms.RandomChoice([transforms.RandomInvert(1), transforms.RandomVerticalFlip(1)]),
    transforms.RandomOrder([transforms.RandomInvert(1), transforms.RandomSolarize(128, 1)]),
    transforms.RandomPosterize(3),
    transforms.RandomAutocontrast(),
    transforms.RandomEqualize(),
    transforms.RandomAdjustSharpness(2),
]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda transform: type(transform).__name__)
def test_random_transforms_follow_the_seed(kind, pixels, transform):
    """A seed gives the same images again, other seeds others, and all kinds of images agree."""

    def images(kind):
        image = kind.make(pixels)
        results = []
        for seed in range(12):
            manual_seed(seed)
            results.append(kind.array(transform(image)))
        return results

    first, second = images(kind), images(kind)
    for one, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, again)
    different = {image.tobytes() for image in first}
    few = pixels.ndim == 2 or isinstance(transform, transforms.RandomEqualize)
    assert len(different) > 1 or few
    assert kind.array(kind.make(pixels)).tobytes() == pixels.tobytes()
    for mine, plain in zip(first, images(type(kind)("array")), strict=True):
        assert mine.shape == plain.shape
        assert np.mean(np.abs(mine.astype(int) - plain) > 1) <= 0.05


@pytest.mark.parametrize(("top", "left"), [(-4, -9), (-1, 2), (1, -2), (2, 3), (3, 0), (9, 9)])
@pytest.mark.parametrize("size", [(1, 1), (2, 6), (5, 3)])
def test_crops_beyond_an_image_have_their_size(top, left, size):
    image = np.arange(1, 13).reshape(3, 4)
    expected = np.zeros((40, 40), int)
    expected[10:13, 10:14] = image
    expected = expected[10 + top :, 10 + left :][: size[0], : size[1]]
    np.testing.assert_array_equal(F.crop(image, top, left, *size), expected)


def test_where_random_crops_are():
    image = np.arange(5 * 6).reshape(5, 6)
    crops = {transforms.RandomCrop((4, 4))(image)[0, 0] for _ in range(200)}
    assert crops == {0, 1, 2, 6, 7, 8}
    flips = [transforms.RandomHorizontalFlip(0.25)(image)[0, 0] == 5 for _ in range(2000)]
    assert 0.2 < np.mean(flips) < 0.3
    assert transforms.RandomHorizontalFlip(0)(image) is image


def test_parts_of_random_area():
    image = np.zeros((60, 90), np.uint8)
    crop = transforms.RandomResizedCrop(8, scale=(0.1, 0.5), ratio=(0.5, 2))
    parts = np.array([crop.get_params(image, crop.scale, crop.ratio) for _ in range(500)])
    top, left, height, width = parts.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 60).all()
    assert (left + width <= 90).all()
    area, ratio = height * width / 5400, width / height
    assert 0.08 < area.min() < 0.15 < 0.4 < area.max() < 0.52
    assert 0.45 < ratio.min() < 0.7 < 1.5 < ratio.max() < 2.1
    narrow = np.zeros((2, 90), np.uint8)
    assert crop.get_params(narrow, (1, 1), (0.5, 2)) == (0, 43, 2, 4)


def test_bounds_of_affine():
    transform = transforms.RandomAffine(10, (0.1, 0.2), (0.5, 2), 7)
    for _ in range(100):
        angle, move, scale, shear = transform.get_params(
            transform.degrees, transform.translate, transform.scale, transform.shear, [50, 20]
        )
        assert abs(angle) <= 10
        assert abs(move[0]) <= 5
        assert abs(move[1]) <= 4
        assert 0.5 <= scale <= 2
        assert abs(shear[0]) <= 7
        assert shear[1] == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.resize(X, 0), ValueError, "resize: size must be positive"),
        (lambda: F.resize(X, (1, 2, 3)), ValueError, "size must have 1 or 2 values"),
        (lambda: F.resize(X, 1.5), TypeError, "size must be an int or a sequence of ints"),
        (lambda: F.resize(X, (1, 2), max_size=3), ValueError, "max_size needs a single size"),
        (lambda: F.resize(X, 4, max_size=4), ValueError, r"greater than size \(got 4 and 4\)"),
        (lambda: F.resize(X, None), ValueError, "max_size must be given"),
        (lambda: F.resize(X, 4, "linear"), TypeError, "must be an InterpolationMode"),
        (lambda: F.resize(X, 4, InterpolationMode.BOX), ValueError, r"\(got box\)"),
        (lambda: F.rotate(X, 4, InterpolationMode.BICUBIC), ValueError, r"\(got bicubic\)"),
        (lambda: F.pad(X, (1, 2, 3)), ValueError, r"1, 2 or 4 values \(got 3\)"),
        (lambda: F.pad(X, 0.5), TypeError, "padding must be an int or a sequence"),
        (lambda: F.pad(X, -1), ValueError, "must leave some pixels"),
        (lambda: F.pad(X, 1, padding_mode="wrap"), ValueError, "padding_mode must be one of"),
        (lambda: F.pad(X, 1, fill=(1, 2)), ValueError, r"each channel \(got 2 and 1\)"),
        (lambda: F.five_crop(X, 3), ValueError, r"\(got \(3, 3\) and \(2, 3\)\)"),
        (lambda: F.affine(X, 0, (0, 0), 0, 0), ValueError, "scale must be greater than 0"),
        (lambda: F.affine(X, 0, (0,), 1, 0), ValueError, "translate must have 2 values"),
        (lambda: F.affine(X, 0, (0, 0), 1, (1, 2, 3)), ValueError, "shear must have 1 or 2"),
        (lambda: F.hflip("image"), TypeError, r"hflip: img must be .* \(got str\)"),
        (lambda: transforms.RandomCrop(4)(X), ValueError, "use padding or pad_if_needed"),
        (lambda: transforms.RandomPerspective(2), ValueError, "distortion_scale must be from 0"),
        (lambda: F.perspective(X, SQUARE[:3], SQUARE), ValueError, r"4 points .*\(3, 2\)"),
        (lambda: transforms.RandomRotation(-1), ValueError, "must not be negative"),
        (lambda: transforms.RandomRotation((1, 2, 3)), ValueError, "degrees must have 2 values"),
        (lambda: transforms.RandomAffine(1, (2, 0)), ValueError, "fractions from 0 to 1"),
        (lambda: transforms.RandomAffine(1, scale=(2, 1)), ValueError, "2 positive numbers in o"),
        (lambda: transforms.RandomResizedCrop(2, scale=0.5), TypeError, "a sequence of 2"),
        (lambda: transforms.RandomHorizontalFlip(2), ValueError, "p must be from 0 to 1"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_modes_that_need_a_conversion():
    pillow = pytest.importorskip("PIL.Image")
    with pytest.raises(TypeError, match=r"use img\.convert\('RGB'\) \(got P\)"):
        F.pad(pillow.new("P", (2, 2)), 1)
