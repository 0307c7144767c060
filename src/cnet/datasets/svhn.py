"""SVHN, which is published in a format that cnet does not read."""

from typing import Any


class SVHN:
    """Not supported: the files of Street View House Numbers are Matlab files.

    Raises
    ------
    NotImplementedError
        Always. Read the files with ``scipy.io.loadmat``, and make an `ArrayDataset` of the result.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SVHN: its files are Matlab files, which cnet does not read; read them with "
            "scipy.io.loadmat and make a cnet.utils.data.ArrayDataset of the arrays"
        )
