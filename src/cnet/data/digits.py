"""The digits that come with scikit-learn: 1797 images of 8 × 8 pixels, no network needed."""

import numpy as np

from ._check import integer
from .dataset import ArrayDataset
from .shuffle import permutation

LARGEST = 16  # of the pixels as published


def digits(train: bool = True, seed: int = 0, test_fraction: float = 0.2) -> ArrayDataset:
    """The handwritten digits of scikit-learn, split into two parts.

    Each class is split in the same proportion. The split depends on `seed` and `test_fraction`
    alone, in every version of cnet, NumPy and scikit-learn; within a part the images keep their
    order.

    Parameters
    ----------
    train : bool, default True
        The part to train with, or the part to test with.
    seed : int, default 0
        Which split; at least 0.
    test_fraction : float, default 0.2
        Share of the test part, between 0 and 1, the ends excluded.

    Returns
    -------
    ArrayDataset
        Images, float32 of shape (n, 1, 8, 8) with values from 0 to 1, and labels, int64 of shape
        (n,) with values from 0 to 9. By default n is 1438 in the part to train with, 359 in the
        other.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If `seed` or `test_fraction` is out of its range.

    References
    ----------
    E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning
    Repository, 1998.

    Examples
    --------
    >>> import cnet
    >>> images, labels = cnet.data.digits().arrays
    >>> images.shape, labels.shape
    ((1438, 1, 8, 8), (1438,))
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"digits: test_fraction must be between 0 and 1 (got {test_fraction})")
    seed = integer("digits", "seed", seed, minimum=0)
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits: needs scikit-learn: pip install cnet-nn[train]") from error
    published = load_digits()
    labels = published.target.astype(np.int64)
    order = permutation(len(labels), seed)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        is_test[members[: round(test_fraction * len(members))]] = True
    part = ~is_test if train else is_test
    images = published.images[part, np.newaxis].astype(np.float32)
    images /= LARGEST
    return ArrayDataset(images, labels[part])
