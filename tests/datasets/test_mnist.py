"""MNIST from folders; downloads are in test_download."""

import io
import os
import zipfile
from gzip import compress
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from archives import idx_bytes, write_idx
from cnet import Tensor, transforms, utils
from cnet._files import cache_folder
from cnet.datasets import EMNIST, KMNIST, MNIST, FashionMNIST
from cnet.datasets.vision import has_pillow

IMAGES = np.arange(3 * 784).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([0, 9, 4], np.uint8)


@pytest.fixture
def folder(tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", IMAGES)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", LABELS)
    return tmp_path


def check(dataset):
    assert (type(dataset.data), dataset.data.dtype) == (Tensor, np.uint8)
    assert (type(dataset.targets), dataset.targets.dtype) == (Tensor, np.int64)
    np.testing.assert_array_equal(np.asarray(dataset.data), IMAGES)
    np.testing.assert_array_equal(np.asarray(dataset.targets), LABELS)
    images, labels = dataset.as_arrays().arrays
    assert (images.dtype, images.shape) == (np.float32, (3, 1, 28, 28))
    assert (labels.dtype, labels.shape) == (np.int64, (3,))
    np.testing.assert_array_equal(images[:, 0], IMAGES / np.float32(255))
    np.testing.assert_array_equal(labels, LABELS)


def test_data_dir(folder):
    check(MNIST(train=False, root=folder))
    check(MNIST(train=False, root=str(folder)))


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
        write_idx(tmp_path / place / name, array)
    check(MNIST(train=False, root=tmp_path))
    with pytest.raises(FileNotFoundError, match=r"lacks train-images-idx3-ubyte\.gz and train-l"):
        MNIST(tmp_path)


def test_each_file_in_a_folder_of_its_name(tmp_path):
    for name, array in (("t10k-images-idx3-ubyte", IMAGES), ("t10k-labels-idx1-ubyte", LABELS)):
        (tmp_path / name).mkdir()
        write_idx(tmp_path / name / name, array)
    check(MNIST(train=False, root=tmp_path))


def test_other_data_sets_beside_it_are_not_taken(tmp_path):
    for place, images in (("FashionMNIST/raw", IMAGES[::-1]), ("MNIST/raw", IMAGES)):
        (tmp_path / place).mkdir(parents=True)
        write_idx(tmp_path / place / "t10k-images-idx3-ubyte", images)
        write_idx(tmp_path / place / "t10k-labels-idx1-ubyte", LABELS)
    check(MNIST(train=False, root=tmp_path))
    with pytest.raises(FileNotFoundError, match="FashionMNIST/processed is not a folder"):
        MNIST(train=False, root=tmp_path / "FashionMNIST" / "processed")


def test_unpacked_files_come_before_compressed_ones(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    check(MNIST(train=False, root=folder))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CNET_CACHE": "a", "XDG_CACHE_HOME": "b"}, "a"),
        ({"XDG_CACHE_HOME": "b"}, "b/cnet"),
        ({"CNET_CACHE": "", "XDG_CACHE_HOME": ""}, "home/.cache/cnet"),
        ({}, "home/.cache/cnet"),
    ],
)
def test_cache_folder(tmp_path, monkeypatch, variables, expected):
    for name in ("CNET_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value and str(tmp_path / value))
    assert cache_folder() == tmp_path / expected


def test_samples(folder):
    data = MNIST(folder, train=False)
    image, label = data[1]
    assert label == 9
    assert type(label) is int
    np.testing.assert_array_equal(np.asarray(image), IMAGES[1])
    assert hasattr(image, "convert") == has_pillow()
    data = MNIST(folder, False, lambda image: np.asarray(image).sum(), lambda label: label + 1)
    assert data[0] == (IMAGES[0].sum(), 1)
    assert data.class_to_idx["9 - nine"] == 9
    assert repr(data).startswith(
        f"Dataset MNIST\n    Number of datapoints: 3\n    Root location: {folder}\n    Split: Test"
    )
    (batch,) = utils.data.DataLoader(
        MNIST(folder, False, lambda image: np.asarray(image)[None]), batch_size=3
    )
    assert batch[0].shape == (3, 1, 28, 28)


def test_without_pillow(folder, monkeypatch):
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.25,))])

    def batch():
        (images, labels) = next(iter(utils.data.DataLoader(MNIST(folder, False, steps), 3)))
        assert labels.tolist() == LABELS.tolist()
        return images.numpy()

    usual = batch()
    monkeypatch.setattr("cnet.datasets.vision.has_pillow", lambda: False)
    np.testing.assert_array_equal(batch(), usual)
    image, _ = MNIST(folder, train=False)[1]
    assert type(image) is np.ndarray
    np.testing.assert_array_equal(image, IMAGES[1])


@pytest.mark.parametrize("kind", [FashionMNIST, KMNIST])
def test_the_files_of_mnist_are_not_taken_for_others(folder, kind):
    """They have the same names."""
    with pytest.raises(FileNotFoundError, match=rf"{folder / kind.__name__} lacks t10k-images"):
        kind(folder, train=False)


@pytest.mark.parametrize("kind", [FashionMNIST, KMNIST])
def test_successors(tmp_path, kind):
    folder = tmp_path / kind.__name__ / "raw"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", IMAGES)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", LABELS)
    for train in (True, False):
        check(kind(tmp_path, train))
    assert len(kind.classes) == 10
    with pytest.raises(FileNotFoundError):
        MNIST(tmp_path)


class TestEMNIST:
    names = "emnist-letters-test-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte.gz"

    def archive(self, folder, contents):
        (folder / "EMNIST" / "raw").mkdir(parents=True)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in contents.items():
                archive.writestr(f"gzip/{name}", content)
        (folder / "EMNIST" / "raw" / "gzip.zip").write_bytes(buffer.getvalue())

    def test_files(self, tmp_path):
        for name, array in zip(self.names, (IMAGES, LABELS), strict=True):
            write_idx(tmp_path / name, array)
        data = EMNIST(tmp_path, "letters", train=False)
        check(data)
        assert data.classes[1] == "a"
        with pytest.raises(FileNotFoundError, match="lacks emnist-digits-test-images"):
            EMNIST(tmp_path, "digits", train=False)

    def test_archive(self, tmp_path):
        contents = map(compress, map(idx_bytes, (IMAGES, LABELS)))
        self.archive(tmp_path, dict(zip(self.names, contents, strict=True)))
        check(EMNIST(tmp_path, "letters", train=False))
        with pytest.raises(ValueError, match="lacks gzip/emnist-mnist-test-images"):
            EMNIST(tmp_path, "mnist", train=False)

    def test_damaged_archives(self, tmp_path):
        self.archive(tmp_path, {self.names[0]: b"damaged", self.names[1]: b""})
        with pytest.raises(ValueError, match="must start with two zero bytes"):
            EMNIST(tmp_path, "letters", train=False)
        path = tmp_path / "EMNIST" / "raw" / "gzip.zip"
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(ValueError, match="is damaged"):
            EMNIST(tmp_path, "letters", train=False)

    @pytest.mark.parametrize(
        ("split", "classes"), [("byclass", 62), ("bymerge", 47), ("balanced", 47), ("mnist", 10)]
    )
    def test_classes(self, tmp_path, split, classes):
        prefix = tmp_path / f"emnist-{split}-train"
        write_idx(prefix.with_name(f"{prefix.name}-images-idx3-ubyte"), IMAGES)
        write_idx(prefix.with_name(f"{prefix.name}-labels-idx1-ubyte"), LABELS)
        assert len(EMNIST(tmp_path, split).classes) == classes

    def test_split(self, tmp_path):
        with pytest.raises(ValueError, match=r"split must be one of .*'byclass'"):
            EMNIST(tmp_path, "words")


def test_files_that_do_not_fit(folder):
    write_idx(folder / "t10k-labels-idx1-ubyte", LABELS[:2])
    with pytest.raises(ValueError, match=r"must hold uint8 of shape \(3,\), .*of shape \(2,\)"):
        MNIST(train=False, root=folder)
    write_idx(folder / "t10k-images-idx3-ubyte", LABELS)
    with pytest.raises(ValueError, match=r"images-idx3-ubyte must hold .*28\) .*of shape \(3,\)"):
        MNIST(train=False, root=folder)


def test_labels_without_a_class(folder):
    write_idx(folder / "t10k-labels-idx1-ubyte", LABELS + np.uint8(1))
    with pytest.raises(ValueError, match=r"must hold labels less than 10 \(got 10\)"):
        MNIST(folder, train=False)


def test_damaged_file(folder):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz"):
        MNIST(train=False, root=folder)


def test_the_real_files():
    beside = Path(__file__).parents[3] / "shared" / "data" / "mnist"
    folder = Path(os.environ.get("CNET_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no MNIST: CNET_DATA is not set and {beside} does not exist")
    for train, n, files in ((True, 60000, MNIST.files[:2]), (False, 10000, MNIST.files[2:])):
        data = MNIST(folder, train)
        assert data.data.shape == (n, 28, 28)
        labels = np.asarray(data.targets)
        assert np.bincount(labels).min() > 0.085 * n
        assert len(np.bincount(labels)) == 10
        for file in files:
            if (folder / file.name).exists():
                content = (folder / file.name).read_bytes()
                digest = "sha256:" + sha256(content).hexdigest()
                assert (len(content), digest) == (file.size, file.hash)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
