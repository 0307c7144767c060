"""Where the files of data sets are, and which files were published."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

IDX_NAME = re.compile(
    r"(?P<split>emnist-[a-z]+-)?(?P<part>train|t10k|test)[-._ ]?(?P<content>images|labels)"
    r"([-._ ]?idx[13])?([-._ ]?u?byte)?([-._ ]idx[13]?)?([-._ ]gz)?"
)
"""The names of IDX files, in lower case, as mirrors and unpacking programs write them."""


class File(NamedTuple):
    """A file as published; the hash begins with its algorithm, as in ``"md5:…"``."""

    name: str
    size: int
    hash: str


def find_idx(
    root: Path, dataset: str, names: Sequence[str], in_root: bool = True
) -> list[Path | None]:
    """The IDX files in a folder of the user or, if it does not have them all, in a subfolder.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    dataset : str
        The name of the data set, which a subfolder may have.
    names : sequence of str
        The published names of the files.
    in_root : bool, default True
        Whether the files may be outside of a subfolder with the name of the data set.
    """
    found: list[Path | None] = [None] * len(names)
    for place in _places(root, dataset, in_root):
        here = [_find_in(place, _canonical(name)) for name in names]
        if all(here):
            return here
        found = [one or other for one, other in zip(found, here, strict=True)]
    return found if not all(found) else [None] * len(names)


def _places(folder: Path, dataset: str, in_root: bool) -> list[Path]:
    """The folder itself, and the subfolders in which other programs store the data set."""
    outside = [folder, *_subfolders(folder, "raw")] if in_root else []
    named = _subfolders(folder, dataset)
    inner = [place for name in named for place in _subfolders(name, "raw")]
    return [*outside, *named, *inner]


def _subfolders(folder: Path, name: str) -> list[Path]:
    """The subfolders with a name, in upper or lower case."""
    return [
        path for path in _entries(folder) if path.is_dir() and path.name.lower() == name.lower()
    ]


def _find_in(folder: Path, canonical: str | None) -> Path | None:
    """A file under any of its names: preferably unpacked, then as published.

    Some archives unpack each file into a folder of the same name.
    """
    files: list[Path] = []
    for path in _entries(folder):
        if _canonical(path.name) == canonical:
            inside = (entry for entry in _entries(path) if _canonical(entry.name) == canonical)
            files += inside if path.is_dir() else [path]
    files = [path for path in files if path.is_file()]
    files.sort(key=lambda path: (path.name.lower().endswith("gz"), path.name != canonical))
    return files[0] if files else None


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _canonical(name: str) -> str | None:
    """The usual name of an IDX file whose name is a variant of it."""
    match = IDX_NAME.fullmatch(name.lower())
    if not match:
        return None
    part = "train" if match["part"] == "train" else "t10k"
    rank = {"images": 3, "labels": 1}[match["content"]]
    return f"{match['split'] or ''}{part}-{match['content']}-idx{rank}-ubyte.gz"
