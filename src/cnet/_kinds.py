"""What a file that is not the expected one seems to be, from its first bytes."""

import re

_PICKLE = re.compile(
    rb"\x80[\x00-\x08]"  # protocol 2 and later
    rb"|[}\])]q\x00|\(?[dl]p\d|\(i\w|c[\w.]+\n\w"  # protocols 0 and 1
)
_TORCH = "a PyTorch file (.pt)"

_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)"),
    (b"GGUF", "a GGUF file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF-", "a PDF file"),
    (b"\x7fELF", "a program or library"),
    (b"\x00\x00\x08", "an IDX file (MNIST)"),
)


def describe(content: bytes) -> str | None:
    """What the content of a file seems to be, or None if it is not recognised.

    Parameters
    ----------
    content : bytes
        The whole content, or at least its first kilobytes.

    Examples
    --------
    >>> from cnet._kinds import describe
    >>> describe(b"<!DOCTYPE html><title>404</title>")
    'an HTML page'
    """
    if not content:
        return "an empty file"
    if not content.strip(b"\x00"):
        return "a file of zeros only"
    return _describe_archive(content) or _describe_text(content)


def _describe_archive(content: bytes) -> str | None:
    if content.startswith(b"PK\x03\x04"):
        if b"data.pkl" in content:
            return _TORCH
        if re.match(rb"PK\x03\x04.{26}[^/]{1,200}\.npy", content, re.DOTALL):
            return "a NumPy archive (.npz)"
    for start, description in _SIGNATURES:
        if content.startswith(start):
            return description
    if content[257:262] == b"ustar":
        return "a tar archive"
    if content[:2] == b"\x80\x02" and b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" in content[:32]:
        return _TORCH
    if _PICKLE.match(content) and content.rstrip().endswith(b"."):
        return "a pickle, which is never loaded because it can run any code"
    return None


def _describe_text(content: bytes) -> str | None:
    head = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    lower = head.lower()
    if lower.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a Git LFS pointer; fetch the file itself with `git lfs pull`"
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if lower.startswith(b"<?xml"):
        return "an HTML page" if b"<html" in lower else "an XML file"
    if lower.startswith(b"<!--") and b"<html" in lower:
        return "an HTML page"
    try:
        text = content[:4096].decode()
    except UnicodeDecodeError as error:
        if error.start < min(len(content), 4096) - 3:  # else a character cut at the end
            return None
        text = content[: error.start].decode()
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    return "a JSON file" if lower.startswith((b"{", b"[")) else "a text file"
