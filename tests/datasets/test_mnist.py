"""MNIST from folders; downloads are in test_download."""

import gzip
import importlib
import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from cnet.datasets import mnist

module = importlib.import_module("cnet.datasets.mnist")
IMAGES = np.arange(3 * 784).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([0, 9, 4], np.uint8)


def write(path, array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)


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


NAMES = [
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
    ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
    ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"),
    ("T10K-IMAGES-IDX3-UBYTE", "T10K-LABELS-IDX1-UBYTE"),
    ("T10K-Images.IDX3-Ubyte.GZ", "t10k-labels-idx1-ubyte"),
    ("t10k_images_idx3_ubyte", "t10k_labels_idx1_ubyte"),
    ("t10k-images-idx3-ubyte.idx", "t10k-labels-idx1-ubyte.idx"),
    ("test-images-idx3-ubyte", "test-labels-idx1-ubyte"),
    ("t10k-images.idx3", "t10k-labels.idx1"),
    ("t10k-images-ubyte", "t10k-labels-ubyte"),
]


@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw", "MNIST", "mnist", "Mnist/RAW"])
@pytest.mark.parametrize("names", NAMES)
def test_names_and_places(tmp_path, names, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, (IMAGES, LABELS), strict=True):
        write(tmp_path / place / name, array)
    check(mnist(train=False, data_dir=tmp_path))
    with pytest.raises(FileNotFoundError, match=r"lacks train-images-idx3-ubyte\.gz and train-l"):
        mnist(data_dir=tmp_path)


def test_each_file_in_a_folder_of_its_name(tmp_path):
    for name, array in (("t10k-images-idx3-ubyte", IMAGES), ("t10k-labels-idx1-ubyte", LABELS)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / name, array)
    check(mnist(train=False, data_dir=tmp_path))


def test_other_data_sets_beside_it_are_not_taken(tmp_path):
    for place, images in (("FashionMNIST/raw", IMAGES[::-1]), ("MNIST/raw", IMAGES)):
        (tmp_path / place).mkdir(parents=True)
        write(tmp_path / place / "t10k-images-idx3-ubyte", images)
        write(tmp_path / place / "t10k-labels-idx1-ubyte", LABELS)
    check(mnist(train=False, data_dir=tmp_path))
    with pytest.raises(FileNotFoundError, match="FashionMNIST/processed is not a folder"):
        mnist(train=False, data_dir=tmp_path / "FashionMNIST" / "processed")


def test_unpacked_files_come_before_compressed_ones(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    check(mnist(train=False, data_dir=folder))


def test_an_empty_variable_is_as_if_it_were_not_set(folder, monkeypatch):
    monkeypatch.setenv("CNET_DATA", "")
    monkeypatch.setenv("CNET_CACHE", str(folder))
    with pytest.raises(FileNotFoundError, match=f"mnist: {folder / 'mnist'} lacks an undamaged"):
        mnist(download=False)


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
    with pytest.raises(FileNotFoundError, match=f"{folder} lacks train-images-idx3-ubyte.gz, com"):
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
