"""Images side by side, and image files."""

import io

import numpy as np
import pytest

import cnet
from cnet import Tensor
from cnet.utils import make_grid, save_image

X = np.arange(5 * 3 * 2 * 2, dtype=np.float32).reshape(5, 3, 2, 2)


def test_grid():
    grid = make_grid(Tensor(X), nrow=3, padding=1, pad_value=-1).numpy()
    assert grid.shape == (3, 7, 10)
    for i, (y, x) in enumerate([(1, 1), (1, 4), (1, 7), (4, 1), (4, 4)]):
        np.testing.assert_array_equal(grid[:, y : y + 2, x : x + 2], X[i])
    assert (grid == -1).sum() == 3 * 70 - X.size
    assert (grid[:, 3:, 7:] == -1).all()


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (Tensor(X[0, 0]), (3, 2, 2)),
        (Tensor(X[0, :1]), (3, 2, 2)),
        (Tensor(X[0]), (3, 2, 2)),
        (Tensor(X[:1]), (3, 2, 2)),
        (Tensor(X[:, :1]), (3, 6, 22)),
        ([Tensor(image) for image in X], (3, 6, 22)),
        (Tensor(X.astype(np.uint8)), (3, 6, 22)),
    ],
)
def test_shapes(images, shape):
    grid = make_grid(images)
    assert type(grid) is Tensor
    assert grid.shape == shape


def test_normalize():
    whole = make_grid(Tensor(X), normalize=True, padding=0).numpy()
    assert (whole.min(), whole.max()) == (0, 1)
    each = make_grid(Tensor(X), normalize=True, scale_each=True, padding=0, nrow=5).numpy()
    np.testing.assert_allclose(each[:, :, :2], X[0] / 11, rtol=1e-6)
    np.testing.assert_allclose(each[:, :, :2], each[:, :, 8:], rtol=1e-6)
    cut = make_grid(Tensor(X), normalize=True, value_range=(0, 10), padding=0).numpy()
    np.testing.assert_allclose(cut[:, :, :2], np.minimum(X[0] / 10, 1), rtol=1e-6)
    assert X.max() == 59


def test_errors():
    with pytest.raises(TypeError, match="must be a Tensor or a sequence of Tensor"):
        make_grid(X)
    with pytest.raises(TypeError, match="value_range must be a tuple"):
        make_grid(Tensor(X), normalize=True, value_range=[0, 1])
    with pytest.raises(ValueError, match="must have the same shape"):
        make_grid([Tensor(X[0]), Tensor(X[0, :1])])
    with pytest.raises(ValueError, match=r"must be \(n, c, h, w\) \(got shape \(1, 5, 3, 2, 2\)\)"):
        make_grid(Tensor(X[None]))
    with pytest.raises(ValueError, match=r"\(got 0 and 2\)"):
        make_grid(Tensor(X), nrow=0)


class TestFiles:
    @pytest.fixture(autouse=True)
    def pillow(self):
        return pytest.importorskip("PIL.Image")

    def test_save(self, pillow, tmp_path):
        pixels = np.random.RandomState(0).randint(0, 256, (2, 3, 4, 5)).astype(np.uint8)
        for images in (Tensor(pixels), Tensor(pixels.astype(np.float32) / 255)):
            save_image(images, tmp_path / "grid.png", padding=0)
            with pillow.open(tmp_path / "grid.png") as image:
                saved = np.asarray(image)
            np.testing.assert_array_equal(saved[:, :5], pixels[0].transpose(1, 2, 0))
            np.testing.assert_array_equal(saved[:, 5:], pixels[1].transpose(1, 2, 0))
        assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]

    def test_values_are_cut_off(self, pillow):
        file = io.BytesIO()
        save_image(cnet.tensor([[-1.0, 0.5, 2.0]]), file, format="bmp")
        assert np.asarray(pillow.open(file))[0, :, 0].tolist() == [0, 128, 255]

    def test_formats(self, tmp_path):
        with pytest.raises(ValueError, match="format must be given"):
            save_image(Tensor(X), io.BytesIO())
        with pytest.raises(ValueError, match=r"format must be given for .*picture"):
            save_image(Tensor(X), tmp_path / "picture")
        with pytest.raises(ValueError, match="not known to Pillow"):
            save_image(Tensor(X), tmp_path / "picture", format="x")
        assert not list(tmp_path.iterdir())
