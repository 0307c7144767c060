"""Published data sets, and the files they come from."""

from .cifar import CIFAR10, CIFAR100
from .digits import digits
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .idx import read_idx
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .svhn import SVHN
from .vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "SVHN",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
    "digits",
    "read_idx",
]
