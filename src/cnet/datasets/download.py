"""Downloads: a file is kept only if its size and hash are correct."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tqdm import tqdm

from .._files import atomic_write

CHUNK = 1 << 16
LIMIT = 1 << 32
"""The largest size of a file whose size is not known beforehand."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class DownloadError(OSError):
    """No mirror provided the file; the message gives the reason for each mirror."""


def fetch(
    name: str,
    mirrors: Sequence[str],
    folder: str | os.PathLike[str],
    size: int,
    hash: str,
    timeout: float = 30.0,
) -> Path:
    """Return the path of a file in `folder`; download it if it is missing or damaged.

    The file appears under its name only when it is complete and its hash is correct. A progress
    bar is shown if standard error is a terminal.

    Parameters
    ----------
    name : str
        The name of the file, in `folder` and on the mirrors.
    mirrors : sequence of str
        HTTPS addresses, each ending with a slash, tried in this order. Plain HTTP is accepted from
        this machine only.
    folder : str or os.PathLike
        The folder of the file; created if it does not exist.
    size : int
        The length of the file in bytes; no more than that is read from a mirror.
    hash : str
        The hash of the file: its algorithm and the hexadecimal digits, as in ``"sha256:…"``.
    timeout : float, default 30.0
        Seconds to wait for each answer of a mirror.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DownloadError
        If no mirror provided the file.
    OSError
        If the file cannot be written.
    """
    path = Path(folder) / name
    if is_intact(path, hash):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        try:
            content = download(mirror + name, size, hash, timeout=timeout)
        except DownloadError as error:
            failures.append(f"\n  {mirror + name}: {error}")
        else:
            atomic_write(path, content)
            return path
    raise DownloadError(f"fetch: no mirror provided {name}:{''.join(failures)}")


def is_intact(path: Path, hash: str) -> bool:
    """Whether the file exists and its hash begins with these digits."""
    if not path.is_file():
        return False
    algorithm, _, expected = hash.partition(":")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest().startswith(expected)


def download(
    url: str,
    size: int | None = None,
    hash: str = "sha256:",
    *,
    progress: bool = True,
    timeout: float = 30.0,
) -> bytes:
    """Download a file, and check its size and hash.

    Parameters
    ----------
    url : str
        The address; HTTPS, or plain HTTP of this machine.
    size : int, optional
        The length of the file in bytes, by default what the server says, and at most `LIMIT`.
    hash : str, default "sha256:"
        The algorithm and the first digits of the hash, or all of them.
    progress : bool, default True
        Whether to show a progress bar if standard error is a terminal.
    timeout : float, default 30.0
        Seconds to wait for each answer of the server.

    Returns
    -------
    bytes

    Raises
    ------
    DownloadError
        If the server does not provide the file.
    """
    content = bytearray()
    name = url.rpartition("/")[2]
    disable = None if progress else True
    with tqdm(total=size, desc=name, unit="B", unit_scale=True, disable=disable) as bar:
        for chunk in _receive(url, size, timeout, bar):
            content += chunk
            bar.update(len(chunk))
    algorithm, _, expected = hash.partition(":")
    digest = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if not digest.startswith(expected):
        raise DownloadError(f"its {algorithm} must be {expected} (got {digest})")
    return bytes(content)


def _receive(url: str, size: int | None, timeout: float, bar: "tqdm[Any]") -> Iterator[bytes]:
    """The content at an address, in chunks; every network error becomes a DownloadError."""
    received = 0
    try:
        _require_https(url)
        with build_opener(_HttpsRedirects).open(url, timeout=timeout) as response:
            declared = response.headers.get("Content-Length")
            if size is None and declared is not None:
                size = bar.total = int(declared)
            limit = LIMIT if size is None else min(size, LIMIT)
            while chunk := response.read(CHUNK):
                received += len(chunk)
                if received > limit:
                    break
                yield chunk
    except DownloadError:
        raise
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(str(error) or type(error).__name__) from error
    if received > limit or received != (size or received):
        got = f"at least {received}" if received > limit else f"{received}"
        wanted = f"{size}" if size is not None and size <= LIMIT else f"at most {LIMIT}"
        raise DownloadError(f"the file must have {wanted} bytes (got {got})")


class _HttpsRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise DownloadError(f"the address must be HTTPS (got {url})")
