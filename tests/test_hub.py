"""Weights from a server on this machine: the cache, hashes, bad answers, and what is refused."""

import hashlib
import io

import numpy as np
import pytest

import cnet
from cnet import hub
from cnet.datasets import download
from cnet.datasets.download import DownloadError
from servers import serving


def content(value):
    file = io.BytesIO()
    cnet.save({"weight": cnet.full((1000,), value)}, file)
    return file.getvalue()


CONTENT = content(0.5)
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"net-{DIGITS}.safetensors"


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("CNET_CACHE", str(tmp_path))
    with serving({NAME: CONTENT, "net.pth": CONTENT}) as server:
        yield server


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_download_and_cache(server, tmp_path):
    for _ in range(2):
        state = hub.load_state_dict_from_url(f"{server.url}good/{NAME}?raw=1", check_hash=True)
        np.testing.assert_array_equal(state["weight"], np.full(1000, 0.5))
    assert server.asked == [f"/good/{NAME}?raw=1"]
    assert names(tmp_path / "hub" / "checkpoints") == [NAME]
    (tmp_path / "hub" / "checkpoints" / NAME).write_bytes(content(0.25))
    assert hub.load_state_dict_from_url(server.url + "good/" + NAME)["weight"][0] == 0.25
    fresh = hub.load_state_dict_from_url(server.url + "good/" + NAME, check_hash=True)
    assert fresh["weight"][0] == 0.5


def test_folders_and_names(server, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_folder", None)
    assert hub.get_dir() == str(tmp_path / "hub")
    hub.set_dir(tmp_path / "other")
    hub.load_state_dict_from_url(f"{server.url}redirected/net.pth")
    assert names(tmp_path / "other" / "checkpoints") == ["net.pth"]
    hub.load_state_dict_from_url(f"{server.url}good/net.pth", tmp_path / "a", file_name="b.pth")
    assert names(tmp_path / "a") == ["b.pth"]
    hub.download_url_to_file(f"{server.url}good/{NAME}", tmp_path / "c", DIGITS, progress=False)
    assert (tmp_path / "c").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("missing", "HTTP Error 404: Not Found"),
        ("wrong", f"its sha256 must be {DIGITS}"),
        ("broken", rf"must have {len(CONTENT)} bytes \(got {len(CONTENT) // 2}\)"),
        ("long", "must have at most 10000 bytes"),
        ("endless", r"must have at most 10000 bytes \(got at least \d+\)"),
        ("downgraded", "the address must be HTTPS"),
    ],
)
def test_bad_answers(server, tmp_path, monkeypatch, way, message):
    monkeypatch.setattr(download, "LIMIT", 10000)
    with pytest.raises(DownloadError, match=message):
        hub.load_state_dict_from_url(f"{server.url}{way}/{NAME}", check_hash=True)
    assert names(tmp_path / "hub" / "checkpoints") == []


def test_a_file_that_is_too_large(server, monkeypatch):
    monkeypatch.setattr(download, "LIMIT", 1000)
    with pytest.raises(DownloadError, match="must have at most 1000 bytes"):
        hub.load_state_dict_from_url(f"{server.url}good/{NAME}")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: hub.load_state_dict_from_url("https://x/"), ValueError, "no name of a file"),
        (lambda: hub.load_state_dict_from_url("https://x/.."), ValueError, "no name of a file"),
        (lambda: hub.load_state_dict_from_url("https://x/..%2F"), ValueError, "no name of a file"),
        (
            lambda: hub.load_state_dict_from_url("https://x/y", file_name="../z"),
            ValueError, "no name of a file",
        ),
        (
            lambda: hub.load_state_dict_from_url("https://x/net.pth", check_hash=True),
            ValueError, "the name must contain digits",
        ),
        (lambda: hub.load("pytorch/vision", "resnet18"), NotImplementedError, "hub.load is not"),
        (lambda: hub.list("pytorch/vision"), NotImplementedError, "hub.list is not"),
    ],
)  # fmt: skip
def test_errors(tmp_path, monkeypatch, call, error, message):
    monkeypatch.setenv("CNET_CACHE", str(tmp_path))
    with pytest.raises(error, match=message):
        call()


def test_the_older_name():
    from cnet.utils import model_zoo

    assert model_zoo.load_url is hub.load_state_dict_from_url
