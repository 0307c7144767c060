"""Where cnet keeps files."""

import os


def cache_folder() -> str:
    """The folder for downloads of the command: $CNET_CACHE, $XDG_CACHE_HOME/cnet, ~/.cache/cnet."""
    if cache := os.environ.get("CNET_CACHE"):
        return cache
    home = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or home, "cnet")
