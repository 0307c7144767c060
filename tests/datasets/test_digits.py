"""The digits of scikit-learn."""

import hashlib
import sys

import numpy as np
import pytest

from cnet.datasets import digits


@pytest.fixture(scope="module")
def published():
    return pytest.importorskip("sklearn.datasets", reason="scikit-learn has the data").load_digits()


def rows(dataset):
    return {image.tobytes() + label.tobytes() for image, label in zip(*dataset.arrays, strict=True)}


@pytest.mark.usefixtures("published")
def test_arrays():
    for train, n in ((True, 1438), (False, 359)):
        images, labels = digits(train).arrays
        assert (images.dtype, images.shape) == (np.float32, (n, 1, 8, 8))
        assert (labels.dtype, labels.shape) == (np.int64, (n,))
        assert (images.min(), images.max()) == (0, 1)


def test_parts_are_the_whole(published):
    train, test = digits(True), digits(False)
    assert len(train) + len(test) == len(published.target)
    assert not rows(train) & rows(test)
    images = (published.images / 16).astype(np.float32)
    labels = published.target.astype(np.int64)
    whole = {image.tobytes() + label.tobytes() for image, label in zip(images, labels, strict=True)}
    assert rows(train) | rows(test) == whole


def test_each_class_is_split_alike(published):
    counts = np.bincount(published.target)
    for fraction in (0.2, 0.5):
        test = np.bincount(digits(False, test_fraction=fraction).arrays[1])
        assert np.abs(test - fraction * counts).max() <= 0.5


@pytest.mark.usefixtures("published")
def test_the_split_never_changes():
    pixels = (digits(False).arrays[0] * 16).astype(np.uint8)
    expected = "11b00c7eba4e9139ce18a73bc68891a6ae2d1ea79455ca8c3fb2d8ccdff69e50"
    assert hashlib.sha256(pixels).hexdigest() == expected
    assert rows(digits(False, seed=1)) != rows(digits(False))
    assert rows(digits(False)) == rows(digits(False))


def test_bad_arguments():
    for fraction in (0, 1, -0.5, float("nan")):
        with pytest.raises(ValueError, match=r"digits: test_fraction must be between 0 and 1 \("):
            digits(test_fraction=fraction)
    with pytest.raises(ValueError, match=r"digits: seed must be at least 0 \(got -1\)"):
        digits(seed=-1)
    with pytest.raises(TypeError, match=r"digits: seed must be an int \(got 0\.5\)"):
        digits(seed=0.5)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'cnet-nn\[train\]'"):
        digits()
