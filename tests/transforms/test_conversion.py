"""Conversions between kinds of images and dtypes, and normalisation."""

import sys

import numpy as np
import pytest

import cnet
from cnet import Tensor, transforms
from cnet.transforms import functional as F

COLORS = np.random.RandomState(1).randint(0, 256, (4, 5, 3)).astype(np.uint8)


def test_to_tensor(kind, pixels):
    if kind.name == "tensor":
        with pytest.raises(TypeError, match="must be a PIL image or an array"):
            transforms.ToTensor()(kind.make(pixels))
        return
    planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[np.newaxis]
    for transform, expected in (
        (transforms.ToTensor(), planes.astype(np.float32) / np.float32(255)),
        (transforms.PILToTensor(), planes),
    ):
        result = transform(kind.make(pixels))
        assert type(result) is Tensor
        assert result.dtype == expected.dtype
        assert result.numpy().flags.c_contiguous
        np.testing.assert_array_equal(result.numpy(), expected)


def test_to_tensor_scales_only_bytes():
    for array in (np.array([[300]], np.int32), np.array([[0.5]], np.float32)):
        result = F.to_tensor(array)
        assert result.dtype == array.dtype
        np.testing.assert_array_equal(result.numpy()[0], array)


def test_to_tensor_copies():
    for array in (np.zeros((2, 2), np.float32), np.zeros((2, 2), np.uint8)):
        for convert in (F.to_tensor, F.pil_to_tensor):
            assert not np.shares_memory(convert(array).numpy(), array)


@pytest.mark.parametrize(("mode", "dtype"), [("1", np.uint8), ("I", np.int32), ("F", np.float32)])
def test_other_modes(mode, dtype):
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.new(mode, (2, 1), 1)
    assert F.pil_to_tensor(image).dtype == dtype
    assert F.pil_to_tensor(image).tolist() == [[[255 if mode == "1" else 1] * 2]]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (np.array([0.0, 0.5, 1.0], np.float32), np.uint8, [0, 127, 255]),
        (np.array([0.0, 1.0], np.float32), np.float64, [0, 1]),
        (np.array([0, 51, 255], np.uint8), np.float32, [0, 0.2, 1]),
        (np.array([0, 255], np.uint8), np.int16, [0, 32640]),
        (np.array([0, 32767], np.int16), np.uint8, [0, 255]),
    ],
)
def test_convert_image_dtype(values, dtype, expected):
    result = transforms.ConvertImageDtype(dtype)(Tensor(values))
    assert result.dtype == dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_to_pil_image(channels):
    pytest.importorskip("PIL")
    array = np.random.RandomState(0).randint(0, 256, (3, 4, channels)).astype(np.uint8)
    planes = Tensor(np.ascontiguousarray(array.transpose(2, 0, 1)))
    for image in (array, planes, Tensor(planes.numpy().astype(np.float32) / 255 + 1e-4)):
        result = transforms.ToPILImage()(image)
        assert result.mode == ["L", "LA", "RGB", "RGBA"][channels - 1]
        np.testing.assert_array_equal(np.asarray(result).reshape(array.shape), array)
    assert F.to_pil_image(COLORS, "HSV").mode == "HSV"


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"to_pil_image: needs Pillow: pip install 'cnet-nn\[im"):
        F.to_pil_image(COLORS)
    assert F.to_tensor(COLORS).shape == (3, 4, 5)


def test_normalize():
    x = np.random.RandomState(0).rand(2, 3, 4, 5).astype(np.float32)
    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    expected = (x - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    tensor = Tensor(x.copy())
    result = transforms.Normalize(mean, std)(tensor)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(tensor.numpy(), x)
    assert transforms.Normalize(mean, std, inplace=True)(tensor) is tensor
    np.testing.assert_array_equal(tensor.numpy(), result.numpy())


FLOATS = cnet.tensor(np.zeros((3, 2, 2), np.float32))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.to_tensor([1]), TypeError, "img must be a Tensor, a PIL image or an array"),
        (lambda: F.to_tensor(np.zeros(3)), ValueError, r"must be \(h, w\) or \(h, w, c\)"),
        (lambda: F.normalize(COLORS, 0, 1), TypeError, r"must be a Tensor \(got ndarray\)"),
        (lambda: F.normalize(Tensor(COLORS), 0, 1), TypeError, r"float dtype \(got uint8\)"),
        (lambda: F.normalize(FLOATS[0], 0, 1), ValueError, r"must be \(..., c, h, w\)"),
        (lambda: F.normalize(FLOATS, [0, 0], [1]), ValueError, r"each channel \(got 2 and 3\)"),
        (lambda: F.normalize(FLOATS, [0], [1, 0, 1]), ValueError, "std must not be 0"),
        (lambda: F.convert_image_dtype(COLORS), TypeError, r"must be a Tensor \(got ndarray\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.to_pil_image(np.zeros((2, 2, 5), np.uint8)), r"1 to 4 channels \(got 5\)"),
        (lambda: F.to_pil_image(COLORS, "L"), r"mode must be one of RGB.* \(got L\)"),
        (lambda: F.to_pil_image(Tensor(COLORS[None])), r"must be \(c, h, w\) or \(h, w\)"),
    ],
)
def test_errors_of_pil_images(call, message):
    pytest.importorskip("PIL")
    with pytest.raises(ValueError, match=message):
        call()


def test_dimensions(kind, pixels):
    image = kind.make(pixels)
    channels = 3 if pixels.ndim == 3 else 1
    assert F.get_dimensions(image) == [channels, 9, 12]
    assert F.get_image_size(image) == [12, 9]
    assert F.get_image_num_channels(image) == channels


def test_the_module_of_torchvision():
    import cnet.transforms.transforms as module

    from cnet import transforms

    assert module is transforms.transforms is transforms
