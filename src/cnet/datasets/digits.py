"""The digits in scikit-learn: 1797 images of 8 × 8 pixels, available without a network."""

import numpy as np

from ..utils._check import integer
from ..utils.data.dataset import ArrayDataset
from ..utils.data.shuffle import permutation

LARGEST = 16  # value of a pixel


def digits(train: bool = True, seed: int = 0, test_fraction: float = 0.2) -> ArrayDataset:
    """The handwritten digits of scikit-learn, split into a training part and a test part.

    Each class is split in the same proportion. The split depends only on `seed` and
    `test_fraction`, not on the versions of cnet, NumPy and scikit-learn. Within a part, the images
    keep their order.

    Parameters
    ----------
    train : bool, default True
        Whether to return the training part or the test part.
    seed : int, default 0
        The seed of the split; at least 0.
    test_fraction : float, default 0.2
        The fraction of the test part, greater than 0 and less than 1.

    Returns
    -------
    ArrayDataset
        Images, float32 of shape (n, 1, 8, 8) with values between 0 and 1, and labels, int64 of
        shape (n,) with values between 0 and 9. By default n is 1438 in the training part and 359 in
        the test part.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If `seed` or `test_fraction` is out of range.

    References
    ----------
    E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning
    Repository, 1998.

    Examples
    --------
    >>> import cnet
    >>> images, labels = cnet.datasets.digits().arrays
    >>> images.shape, labels.shape
    ((1438, 1, 8, 8), (1438,))
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"digits: test_fraction must be between 0 and 1 (got {test_fraction})")
    seed = integer("digits", "seed", seed, minimum=0)
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits: needs scikit-learn: pip install 'cnet-nn[train]'") from error
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
