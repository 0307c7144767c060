"""CIFAR from folders and archives; downloads are in test_download."""

import io
import tarfile

import numpy as np
import pytest

from archives import NAMES, make_archive
from cnet.datasets import CIFAR10, CIFAR100

IMAGES = np.random.RandomState(0).randint(0, 256, (2, 3, 32, 32)).astype(np.uint8)


def records(*labels):
    """A file with two images and their labels."""
    columns = [np.array(column, np.uint8)[:, None] for column in labels]
    return np.concatenate([*columns, IMAGES.reshape(2, -1)], axis=1).tobytes()


BATCHES = {f"data_batch_{i}.bin": records([i, 9]) for i in range(1, 6)}
FILES = {"batches.meta.txt": NAMES, "test_batch.bin": records([3, 4]), **BATCHES}


@pytest.fixture(params=["archive", "folder"])
def folder(request, tmp_path):
    if request.param == "archive":
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(make_archive(FILES))
    else:
        (tmp_path / "cifar-10-batches-bin").mkdir()
        for name, content in FILES.items():
            (tmp_path / "cifar-10-batches-bin" / name).write_bytes(content)
    return tmp_path


def test_cifar10(folder):
    test = CIFAR10(folder, train=False)
    assert (test.data.dtype, test.data.shape) == (np.uint8, (2, 32, 32, 3))
    np.testing.assert_array_equal(test.data, IMAGES.transpose(0, 2, 3, 1))
    assert test.targets == [3, 4]
    assert test.classes[9] == "truck"
    image, label = test[1]
    np.testing.assert_array_equal(np.asarray(image), IMAGES[1].transpose(1, 2, 0))
    assert label == 4
    images, labels = test.as_arrays().arrays
    np.testing.assert_array_equal(images, IMAGES / np.float32(255))
    assert labels.tolist() == [3, 4]
    train = CIFAR10(str(folder))
    assert train.targets == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]
    assert len(train) == 10


def test_cifar100(tmp_path):
    names = "\n".join(f"class{i}" for i in range(100)).encode()
    files = {"fine_label_names.txt": names, "train.bin": records([7, 19], [70, 99])}
    content = make_archive(files, "cifar-100-binary")
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(content)
    train = CIFAR100(tmp_path)
    np.testing.assert_array_equal(train.data, IMAGES.transpose(0, 2, 3, 1))
    assert train.targets == [70, 99]
    assert len(train.classes) == 100
    with pytest.raises(ValueError, match=r"lacks cifar-100-binary/test.bin"):
        CIFAR100(tmp_path, train=False)


def replaced(**files):
    return make_archive({**FILES, **{f"{name}.bin": content for name, content in files.items()}})


def linked():
    """An archive with a link in place of a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("test_batch.bin", "batches.meta.txt"):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
            archive.addfile(info)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (make_archive(FILES)[:2000], "cifar-10-binary.tar.gz is damaged"),
        (b"", "is damaged: .*an empty file"),
        (b"<!DOCTYPE html><html>404</html>", "is damaged: .*an HTML page"),
        (make_archive({"other": b""}), "lacks cifar-10-batches-bin/test_batch.bin and cifar"),
        (make_archive(FILES, "../elsewhere"), "lacks cifar-10-batches-bin/test_batch.bin and"),
        (linked(), "lacks cifar-10-batches-bin/test_batch.bin and"),
        (replaced(test_batch=records([3, 4])[:-1]), r"records of 3073 bytes \(got 6145 bytes\)"),
        (replaced(test_batch=b""), r"records of 3073 bytes \(got 0 bytes\)"),
        (replaced(test_batch=records([3, 10])), r"must hold labels less than 10 \(got 10\)"),
    ],
)
def test_bad_archives(tmp_path, content, message):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        CIFAR10(tmp_path, train=False)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("cnet.datasets.cifar.LARGEST", 1000)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(make_archive(FILES))
    with pytest.raises(ValueError, match=r"test_batch.bin in .* is too large"):
        CIFAR10(tmp_path, train=False)


def test_the_python_version_is_refused(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(RuntimeError, match="only the Python version, which consists of pickles"):
        CIFAR10(tmp_path)
