"""Data sets of torchvision that are not supported, each with the reason."""

from typing import Any

REASONS = {
    "CelebA": "it is downloaded from Google Drive by hand; read its folder with ImageFolder",
    "ImageNet": "it is not downloaded; read its folders with ImageFolder",
    "LSUN": "its files are LMDB databases, which cnet does not read",
    "STL10": "its archives are not read; convert them to a folder for each class, for ImageFolder",
    "SVHN": "its files are Matlab files, which cnet does not read; read them with "
    "scipy.io.loadmat and make a cnet.utils.data.ArrayDataset of the arrays",
}


def _refused(name: str, reason: str) -> type:
    def init(self: object, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"{name} is not supported: {reason}")

    return type(name, (), {"__init__": init, "__doc__": f"Not supported: {reason}."})


CelebA, ImageNet, LSUN, STL10, SVHN = (_refused(*item) for item in REASONS.items())
