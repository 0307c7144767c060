"""Downloads from a server on this machine that misbehaves in every way we could think of."""

import errno
import gzip
import hashlib

import pytest

from archives import NAMES, make_archive
from cnet.datasets import CIFAR10, MNIST, download
from cnet.datasets.download import DownloadError, fetch
from cnet.datasets.files import File
from servers import serving

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HASH = f"sha256:{SHA256}"


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with serving({"file": CONTENT}) as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    def get(*ways, timeout=5.0):
        mirrors = [f"{server.url}{way}/" for way in ways]
        return fetch("file", mirrors, tmp_path / "cache", len(CONTENT), HASH, timeout)

    return get


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


def test_download_and_cache(get, server, tmp_path):
    path = get("good")
    assert path == tmp_path / "cache" / "file"
    assert path.read_bytes() == CONTENT
    assert get("good") == path
    assert server.asked == ["/good/file"]
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", CONTENT[:5], b""])
def test_bad_cached_file_is_fetched_again(get, tmp_path, content):
    get("good").write_bytes(content)
    assert get("good").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


def test_second_mirror(get, server):
    assert get("missing", "wrong", "good", "silent").read_bytes() == CONTENT
    assert server.asked == ["/missing/file", "/wrong/file", "/good/file"]


def test_redirect(get):
    assert get("redirected").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("missing", "HTTP Error 404: Not Found"),
        ("wrong", rf"its sha256 must be {SHA256} \(got [0-9a-f]{{64}}\)"),
        ("short", r"the file must have 256000 bytes \(got 255900\)"),
        ("broken", "128000"),
        ("long", r"the file must have 256000 bytes \(got at least 2\d{5}\)"),
        ("endless", r"the file must have 256000 bytes \(got at least 2\d{5}\)"),
        ("silent", "timed out"),
        ("garbled", "what?"),
        ("misled", "Invalid IPv6 URL"),
        ("downgraded", r"the address must be HTTPS \(got http://cnet.invalid/file\)"),
    ],
)
def test_bad_answers(get, server, tmp_path, way, message):
    with pytest.raises(DownloadError, match=f"{server.url}{way}/file: .*{message}"):
        get(way, timeout=0.3)
    assert names(tmp_path) == []


def test_every_mirror_is_named(get, server):
    with pytest.raises(DownloadError) as caught:
        get("missing", "wrong", "short")
    first, *mirrors = str(caught.value).splitlines()
    assert first == "fetch: no mirror provided file:"
    for way, line in zip(("missing", "wrong", "short"), mirrors, strict=True):
        assert line.startswith(f"  {server.url}{way}/file: ")


def test_no_server(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DownloadError, match="Connection refused"):
        fetch("file", ["http://127.0.0.1:1/"], tmp_path, 1, HASH)


@pytest.mark.parametrize("mirror", ["http://cnet.invalid/", "ftp://cnet.invalid/", "file:///etc/"])
def test_only_https(tmp_path, mirror):
    with pytest.raises(DownloadError, match="the address must be HTTPS"):
        fetch("hostname", [mirror], tmp_path, 1, HASH)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "disk is full")])
def test_interrupted(get, server, tmp_path, monkeypatch, error):
    """The temporary file goes, and the next mirror is not bothered with our own troubles."""

    def fail(descriptor):
        assert len(names(tmp_path)) == 1
        raise error

    monkeypatch.setattr(download.os, "fsync", fail)
    with pytest.raises(type(error)) as caught:
        get("good", "good")
    assert error in (caught.value, caught.value.__cause__)
    assert names(tmp_path) == []
    assert server.asked == ["/good/file"]


def test_no_bar_without_a_terminal(get, capsys):
    get("good")
    assert capsys.readouterr() == ("", "")


def test_md5(server, tmp_path):
    mirrors = [f"{server.url}wrong/", f"{server.url}good/"]
    hash = "md5:" + hashlib.md5(CONTENT).hexdigest()
    assert fetch("file", mirrors, tmp_path, len(CONTENT), hash).read_bytes() == CONTENT
    assert fetch("file", [], tmp_path, len(CONTENT), hash).read_bytes() == CONTENT


def published(server, names, contents):
    """Entries for files that the server has."""
    server.files |= dict(zip(names, contents, strict=True))
    return tuple(
        File(name, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
        for name, content in zip(names, contents, strict=True)
    )


def test_mnist(server, tmp_path, monkeypatch):
    contents = [
        b"\0\0\x08\3\0\0\0\2\0\0\0\x1c\0\0\0\x1c" + bytes(784) + b"\xff" * 784,
        b"\0\0\x08\1\0\0\0\2" + bytes([3, 9]),
    ]
    names = [file.name for file in MNIST.files[2:]]
    files = published(server, names, list(map(gzip.compress, contents)))
    monkeypatch.setattr(MNIST, "files", (None, None, *files))
    monkeypatch.setattr(MNIST, "mirrors", (server.url + "missing/", server.url + "good/"))
    with pytest.raises(RuntimeError, match=r"lacks t10k-images-idx3-ubyte.gz and t10k-labels"):
        MNIST(tmp_path, train=False)
    assert not server.asked
    data = MNIST(tmp_path, train=False, download=True)
    assert data.data[:, 0, 0].tolist() == [0, 255]
    assert data.targets.tolist() == [3, 9]
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == names

    server.asked.clear()
    MNIST(tmp_path, train=False, download=True)
    assert not server.asked
    (tmp_path / "MNIST" / "raw" / names[1]).write_bytes(b"")
    with pytest.raises(ValueError, match="an empty file"):
        MNIST(tmp_path, train=False)
    MNIST(tmp_path, train=False, download=True)
    assert len(server.asked) == 2


def test_cifar(server, tmp_path, monkeypatch):
    content = make_archive({"batches.meta.txt": NAMES, "test_batch.bin": bytes(3073)})
    (file,) = published(server, [CIFAR10.archive.name], [content])
    monkeypatch.setattr(CIFAR10, "archive", file)
    monkeypatch.setattr(CIFAR10, "mirrors", (server.url + "broken/", server.url + "good/"))
    with pytest.raises(FileNotFoundError, match=r"lacks cifar-10-binary.tar.gz; use download=T"):
        CIFAR10(tmp_path, train=False)
    assert len(CIFAR10(tmp_path, train=False, download=True)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
