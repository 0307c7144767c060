"""Images that are read as tensors, the same as torchvision's."""

import numpy as np
import pytest

from cnet.io import ImageReadMode, read_image

Image = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 4), np.uint8)

FILES = {
    "L": PIXELS[..., 0],
    "LA": PIXELS[..., :2],
    "RGB": PIXELS[..., :3],
    "RGBA": PIXELS,
}
SHAPES = {"GRAY": 1, "GRAY_ALPHA": 2, "RGB": 3, "RGB_ALPHA": 4}


@pytest.mark.parametrize("kind", FILES)
def test_channels(tmp_path, kind):
    path = tmp_path / "x.png"
    Image.fromarray(FILES[kind], kind).save(path)
    pixels = np.atleast_3d(FILES[kind]).transpose(2, 0, 1)
    found = read_image(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.numpy(), pixels)
    for mode, count in SHAPES.items():
        assert read_image(str(path), ImageReadMode[mode]).shape == (count, 5, 4)
        assert read_image(str(path), mode).shape == (count, 5, 4)


def test_palettes_and_bits(tmp_path):
    path = tmp_path / "x.png"
    image = Image.fromarray(FILES["RGB"]).quantize(4)
    image.save(path)
    np.testing.assert_array_equal(
        read_image(path).numpy(), np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    )
    image.save(path, transparency=0)
    assert read_image(path).shape == (4, 5, 4)
    Image.fromarray(PIXELS[..., 0] > 9).save(path)
    np.testing.assert_array_equal(read_image(path).numpy()[0], (PIXELS[..., 0] > 9) * 255)


def test_orientation(tmp_path):
    path = tmp_path / "x.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(FILES["L"]).save(path, exif=exif)
    assert read_image(path).shape == (1, 5, 4)
    turned = read_image(path, apply_exif_orientation=True)
    np.testing.assert_array_equal(turned.numpy()[0], np.rot90(FILES["L"], -1))


def test_errors(tmp_path):
    path = tmp_path / "x.png"
    with pytest.raises(FileNotFoundError):
        read_image(path)
    Image.fromarray(FILES["RGB"]).save(path)
    with pytest.raises(ValueError, match=r"mode must be one of UNCHANGED, GRAY, .* 'BGR'"):
        read_image(path, "BGR")
    data = path.read_bytes()
    for content in (b"", b"text", data[: len(data) // 2]):
        path.write_bytes(content)
        with pytest.raises(RuntimeError, match=r"read_image: .*x\.png cannot be read"):
            read_image(path)
