"""Data sets and batches of them."""

from .collate import default_collate
from .dataloader import DataLoader
from .dataset import ArrayDataset, Dataset, Subset, TensorDataset, random_split

__all__ = [
    "ArrayDataset",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "default_collate",
    "random_split",
]
