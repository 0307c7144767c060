"""Helpers for the files of data sets, with a server on this machine and malicious archives."""

import gzip
import hashlib
import io
import tarfile
import zipfile

import pytest

from cnet.datasets import VisionDataset, folder
from cnet.datasets.download import DownloadError
from cnet.datasets.utils import (
    check_integrity,
    download_and_extract_archive,
    download_url,
    extract_archive,
)
from servers import serving


def _zip(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, f"text of {name}")
    return file.getvalue()


def _tar(*names, mode="w:gz"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            content = f"text of {name}".encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


CONTENT = _zip("a/1.txt", "b/2.txt")
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving({"data.zip": CONTENT}) as server:
        yield server


def test_download(server, tmp_path):
    url = f"{server.url}good/data.zip"
    for _ in range(2):
        download_url(url, tmp_path / "new", md5=MD5)
    assert check_integrity(tmp_path / "new" / "data.zip", MD5)
    assert not check_integrity(tmp_path / "new" / "data.zip", "0" * 32)
    assert len(server.asked) == 1
    (tmp_path / "new" / "data.zip").write_bytes(b"damaged")
    download_url(url, tmp_path / "new")
    assert len(server.asked) == 1
    download_and_extract_archive(
        url, str(tmp_path / "new"), tmp_path / "out", md5=MD5, remove_finished=True
    )
    assert (tmp_path / "out" / "b" / "2.txt").read_text() == "text of b/2.txt"
    assert not (tmp_path / "new" / "data.zip").exists()
    with pytest.raises(DownloadError, match=f"its md5 must be {MD5}"):
        download_url(f"{server.url}wrong/data.zip", tmp_path, "other.zip", MD5)
    assert not (tmp_path / "other.zip").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", CONTENT),
        ("x.tar", _tar("a/1.txt", "b/2.txt", mode="w")),
        ("x.tar.gz", _tar("a/1.txt", "b/2.txt")),
        ("x.tgz", _tar("a/1.txt", "b/2.txt")),
        ("x.tar.bz2", _tar("a/1.txt", "b/2.txt", mode="w:bz2")),
        ("x.tar.xz", _tar("a/1.txt", "b/2.txt", mode="w:xz")),
    ],
)
def test_archives(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert extract_archive(tmp_path / name) == str(tmp_path)
    assert (tmp_path / "a" / "1.txt").read_text() == "text of a/1.txt"
    extract_archive(tmp_path / name, tmp_path / "other", remove_finished=True)
    assert (tmp_path / "other" / "b" / "2.txt").read_text() == "text of b/2.txt"
    assert not (tmp_path / name).exists()


def test_gzip(tmp_path):
    (tmp_path / "x.bin.gz").write_bytes(gzip.compress(b"content"))
    assert extract_archive(tmp_path / "x.bin.gz") == str(tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == b"content"
    (tmp_path / "x.txt").write_text("text")
    with pytest.raises(ValueError, match="not a tar, zip or gzip file"):
        extract_archive(tmp_path / "x.txt")


def _links():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "../.."
        archive.addfile(member)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.zip", _zip("../escaped")), ("x.tar", _tar("../escaped")), ("y.tar", _links())],
)
def test_nothing_is_written_outside(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    inside = tmp_path / "deep" / "inside"
    if name == "x.zip":  # the name is changed
        extract_archive(tmp_path / name, inside)
        assert (inside / "escaped").is_file()
    else:
        with pytest.raises(ValueError, match="outside"):
            extract_archive(tmp_path / name, inside)
    assert not (tmp_path / "deep" / "escaped").exists()
    assert not (inside / "link").exists()


def test_names_of_images():
    assert folder.is_image_file("A.JPG")
    assert not folder.is_image_file("a.txt")
    assert folder.has_file_allowed_extension("a.TXT", ".txt")
    assert folder.pil_loader is folder.default_loader


def test_own_data_sets_get_one_transform_of_both():
    """Subclasses of torchvision's class often call `transforms` themselves."""

    class Own(VisionDataset):
        def __len__(self):
            return 1

    own = Own(transform=lambda x: x + 1, target_transform=lambda y: -y)
    assert own.transforms(1, 2) == (2, -2)
    assert own.transformed(1, 2) == (2, -2)
    own.transform = None
    assert own.transformed(1, 2) == (1, -2)
    assert Own().transforms is None
    both = Own(transforms=lambda x, y: (y, x))
    assert both.transformed(1, 2) == both.transforms(1, 2) == (2, 1)
    with pytest.raises(ValueError, match="transforms excludes"):
        Own(transforms=lambda x, y: (x, y), transform=abs)
