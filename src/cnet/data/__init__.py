"""Data sets, the files they come from, and batches of them."""

from .collate import default_collate
from .dataset import ArrayDataset, Dataset, Subset, TensorDataset, random_split
from .digits import digits
from .idx import read_idx
from .loader import DataLoader
from .mnist import mnist

__all__ = [
    "ArrayDataset",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "default_collate",
    "digits",
    "mnist",
    "random_split",
    "read_idx",
]
