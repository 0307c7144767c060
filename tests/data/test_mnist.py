"""MNIST from folders; downloads are in test_download."""

import gzip
import importlib
import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from cnet.data import mnist

module = importlib.import_module("cnet.data.mnist")
IMAGES = np.arange(3 * 784).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([0, 9, 4], np.uint8)


def write(path, array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "t10k-images-idx3-ubyte.gz", IMAGES)
    write(tmp_path / "t10k-labels-idx1-ubyte", LABELS)
    return tmp_path


def check(dataset):
    images, labels = dataset.arrays
    assert (images.dtype, images.shape) == (np.float32, (3, 1, 28, 28))
    assert (labels.dtype, labels.shape) == (np.int64, (3,))
    np.testing.assert_array_equal(images[:, 0], IMAGES / np.float32(255))
    np.testing.assert_array_equal(labels, LABELS)


def test_data_dir(folder):
    check(mnist(train=False, data_dir=folder))
    check(mnist(train=False, data_dir=str(folder)))


def test_environment(folder, monkeypatch):
    monkeypatch.setenv("CNET_DATA", str(folder))
    check(mnist(train=False))


def test_data_dir_comes_before_the_environment(folder, monkeypatch):
    monkeypatch.setenv("CNET_DATA", str(folder / "nowhere"))
    check(mnist(train=False, data_dir=folder))


def test_missing_files_are_not_downloaded(folder, monkeypatch):
    names = "train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz"
    with pytest.raises(FileNotFoundError, match=f"mnist: {folder} lacks {names}"):
        mnist(data_dir=folder)
    monkeypatch.setenv("CNET_DATA", str(folder))
    (folder / "train-labels-idx1-ubyte").touch()
    with pytest.raises(FileNotFoundError, match=f"{folder} lacks train-images-idx3-ubyte.gz, as"):
        mnist()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CNET_CACHE": "a", "XDG_CACHE_HOME": "b"}, "a/mnist"),
        ({"XDG_CACHE_HOME": "b"}, "b/cnet/mnist"),
        ({"CNET_CACHE": "", "XDG_CACHE_HOME": ""}, "home/.cache/cnet/mnist"),
        ({}, "home/.cache/cnet/mnist"),
    ],
)
def test_cache_folder(tmp_path, monkeypatch, variables, expected):
    for name in ("CNET_DATA", "CNET_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value and str(tmp_path / value))
    with pytest.raises(FileNotFoundError, match=f"mnist: {tmp_path / expected} lacks an undamaged"):
        mnist(download=False)


def test_files_that_do_not_fit(folder):
    write(folder / "t10k-labels-idx1-ubyte", LABELS[:2])
    with pytest.raises(ValueError, match=r"must hold uint8 of shape \(3,\), .*of shape \(2,\)"):
        mnist(train=False, data_dir=folder)
    write(folder / "t10k-images-idx3-ubyte", LABELS)
    with pytest.raises(ValueError, match=r"images-idx3-ubyte must hold .*28\) .*of shape \(3,\)"):
        mnist(train=False, data_dir=folder)


def test_damaged_file(folder):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz"):
        mnist(train=False, data_dir=folder)


def test_the_real_files():
    beside = Path(__file__).parents[3] / "shared" / "data" / "mnist"
    folder = Path(os.environ.get("CNET_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no MNIST: CNET_DATA is not set and {beside} does not exist")
    for train, n, files in ((True, 60000, module.TRAIN), (False, 10000, module.TEST)):
        images, labels = mnist(train, data_dir=folder).arrays
        assert images.shape == (n, 1, 28, 28)
        assert (images.min(), images.max()) == (0, 1)
        assert np.bincount(labels).min() > 0.085 * n
        assert len(np.bincount(labels)) == 10
        for file in files:
            if (folder / file.name).exists():
                content = (folder / file.name).read_bytes()
                assert (len(content), sha256(content).hexdigest()) == (file.size, file.sha256)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
