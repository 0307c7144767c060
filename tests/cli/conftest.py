"""A folder of labelled images, and calls of the command."""

import numpy as np
import pytest

from cnet import cli

COLORS = {"blue": (20, 40, 220), "green": (20, 200, 40), "red": (220, 30, 20)}


@pytest.fixture
def cnet_command(capsys):
    """Calls the command; returns its exit code and its output."""

    def call(*arguments):
        try:
            code = cli.main([*map(str, arguments)])
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def write_images():
    """Writes images of one colour with noise, in a folder for each colour."""
    return _write_images


def _write_images(root, count, seed=0):
    image = pytest.importorskip("PIL.Image", reason="images need Pillow")
    rng = np.random.default_rng(seed)
    for name, color in COLORS.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            height, width = rng.integers(9, 15, 2)
            noise = rng.integers(-20, 21, (height, width, 3))
            pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            image.fromarray(pixels).save(root / name / f"{number}.png")


@pytest.fixture
def photos(tmp_path):
    """A folder with 10 images for each colour."""
    _write_images(tmp_path / "photos", 10)
    return tmp_path / "photos"
