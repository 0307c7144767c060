"""`torch.hub`: trained weights from the internet, which are data only."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from . import checkpoint
from ._files import PathLike, atomic_write, cache_folder
from ._refused import refused
from .datasets.download import DownloadError, download, is_intact

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip

HASH = re.compile(r"-([0-9a-f]{8,64})\.")
"""The first digits of the SHA-256 in the name of a file, as in ``resnet18-f37072fd.pth``."""

_folder: Path | None = None


def get_dir() -> str:
    """The folder for downloads: by default ``hub`` in the cache folder of cnet.

    That is $CNET_CACHE, $XDG_CACHE_HOME/cnet or ~/.cache/cnet.

    Examples
    --------
    >>> from cnet import hub
    >>> hub.get_dir().endswith("hub")
    True
    """
    return os.path.join(cache_folder(), "hub") if _folder is None else str(_folder)


def set_dir(d: PathLike) -> None:
    """Set the folder for downloads."""
    global _folder
    _folder = Path(d).expanduser()


def download_url_to_file(
    url: str, dst: PathLike, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Download a file. It appears under its name only when it is complete.

    Parameters
    ----------
    url : str
        The address; plain HTTP is accepted from this machine only.
    dst : str or os.PathLike
        The path of the file.
    hash_prefix : str, optional
        The first digits of its SHA-256, or all of them.
    progress : bool, default True
        Whether to show a progress bar if standard error is a terminal.

    Raises
    ------
    DownloadError
        If the address is not HTTPS, or the server does not provide the file; a kind of OSError.
    OSError
        If the file cannot be written.
    """
    atomic_write(dst, download(url, hash=f"sha256:{hash_prefix or ''}", progress=progress))


def load_state_dict_from_url(
    url: str,
    model_dir: PathLike | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """Load weights from the internet, or from the cache if the file is there.

    The file is read by `cnet.load`, which runs no code of it.

    Parameters
    ----------
    url : str
        The address of a file of ``torch.save`` or a safetensors file; plain HTTP is accepted from
        this machine only.
    model_dir : str or os.PathLike, optional
        The folder of the file; by default ``checkpoints`` in `get_dir`. By default, a file in the
        folder of PyTorch, $TORCH_HOME/hub/checkpoints, is used too.
    map_location, weights_only
        As in `cnet.load`.
    progress : bool, default True
        Whether to show a progress bar if standard error is a terminal.
    check_hash : bool, default False
        Whether the SHA-256 of the file must begin with the digits in its name, as in
        ``resnet18-f37072fd.pth``. A cached file with another hash is downloaded again.
    file_name : str, optional
        The name of the file in the folder, by default that in the address.

    Returns
    -------
    Any
        The content of the file, usually a dict of tensors.

    Raises
    ------
    ValueError
        If the address contains no name of a file, or `check_hash` is true and the name contains no
        digits.
    DownloadError
        If the server does not provide the file, or it has another hash; a kind of OSError.
    CheckpointError
        If it is not a valid checkpoint.

    Examples
    --------
    >>> import os, tempfile
    >>> import cnet
    >>> folder = tempfile.mkdtemp()
    >>> cnet.save({"weight": cnet.ones(2)}, os.path.join(folder, "net.safetensors"))
    >>> url = "https://example.com/net.safetensors"
    >>> cnet.hub.load_state_dict_from_url(url, model_dir=folder)  # it is in the cache
    {'weight': tensor([1., 1.])}
    """
    path = get_file(url, model_dir, progress, check_hash, file_name)
    return checkpoint.load(path, map_location, weights_only=weights_only)


def get_file(
    url: str,
    model_dir: PathLike | None = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
) -> Path:
    """The path of a file, which is downloaded if it is not in the cache.

    The arguments and exceptions are those of `load_state_dict_from_url`.
    """
    name = os.path.basename(unquote(urlsplit(url).path)) if file_name is None else file_name
    if os.path.basename(name) != name or name in ("", ".", ".."):
        raise ValueError(f"load_state_dict_from_url: no name of a file (got {name!r}, url {url!r})")
    digits = HASH.search(name) if check_hash else None
    if check_hash and digits is None:
        raise ValueError(
            f"load_state_dict_from_url: with check_hash, the name must contain digits (got {name})"
        )
    prefix = digits[1] if digits else ""
    hubs = get_dir(), os.path.join(cache_folder("TORCH_HOME", "torch"), "hub")
    paths = [Path(hub, "checkpoints", name) for hub in hubs]
    paths = paths if model_dir is None else [Path(model_dir, name)]
    for path in paths:
        if is_intact(path, f"sha256:{prefix}"):
            return path
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(url, paths[0], prefix, progress)
    except DownloadError as error:
        raise DownloadError(
            f"load_state_dict_from_url: {url}: {error}; a file from elsewhere may be put in "
            f"{paths[0].parent}"
        ) from error
    return paths[0]


_REASON = (
    " is not supported, because it runs code from the internet; import a network of cnet.models, "
    "and use hub.load_state_dict_from_url for its weights"
)
load, list, help = (refused(f"hub.{name}", _REASON) for name in ("load", "list", "help"))
