"""Published data sets, and the files they come from."""

from .cifar import CIFAR10, CIFAR100
from .digits import digits
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .idx import read_idx
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .refused import LSUN, STL10, SVHN, CelebA, ImageNet
from .vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "LSUN",
    "MNIST",
    "STL10",
    "SVHN",
    "CelebA",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "ImageNet",
    "VisionDataset",
    "digits",
    "read_idx",
]
