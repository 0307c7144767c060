"""Where cnet keeps files."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder for downloads of the command: $CNET_CACHE, $XDG_CACHE_HOME/cnet, ~/.cache/cnet."""
    if cache := os.environ.get("CNET_CACHE"):
        return Path(cache)
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "cnet"
    return Path.home() / ".cache" / "cnet"
