"""A sampler for training with several processes."""

from collections.abc import Iterator, Sized

import numpy as np

from ...arrays import boolean
from .._check import integer
from .sampler import Sampler
from .shuffle import permutation


class DistributedSampler(Sampler[int]):
    """The part of the indices that one of several processes trains with.

    Parameters
    ----------
    dataset : Dataset
        Only its length is used.
    num_replicas : int
        The number of processes.
    rank : int
        The number of this process, from 0 to ``num_replicas - 1``.
    shuffle : bool, default True
        Whether the indices are in a random order, which `seed` and the epoch determine.
    seed : int, default 0
        The same in all processes.
    drop_last : bool, default False
        Whether to leave out indices so that all parts have the same length; by default the first
        indices are repeated for that.

    Raises
    ------
    RuntimeError
        If `num_replicas` or `rank` is missing: there is no process group to ask.
    ValueError
        If `rank` is out of range.

    Notes
    -----
    Call `set_epoch` before each epoch, or every epoch has the same order.

    Examples
    --------
    >>> from cnet.utils.data.distributed import DistributedSampler
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        f = "DistributedSampler"
        if num_replicas is None or rank is None:
            raise RuntimeError(
                f"{f}: num_replicas and rank must be given; there is no process group"
            )
        self.dataset = dataset
        self.num_replicas = integer(f, "num_replicas", num_replicas, minimum=1)
        self.rank = integer(f, "rank", rank, minimum=0)
        if self.rank >= self.num_replicas:
            raise ValueError(
                f"{f}: rank must be less than num_replicas (got {rank} and {num_replicas})"
            )
        self.shuffle = boolean(f, "shuffle", shuffle)
        self.seed = integer(f, "seed", seed, minimum=0)
        self.drop_last = boolean(f, "drop_last", drop_last)
        self.epoch = 0

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.num_replicas if self.drop_last else -(-n // self.num_replicas)

    @property
    def num_samples(self) -> int:
        """The number of indices of this process."""
        return len(self)

    @property
    def total_size(self) -> int:
        """The number of indices of all processes."""
        return len(self) * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = permutation(n, self.seed + self.epoch) if self.shuffle else np.arange(n)
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch, on which the random order depends."""
        self.epoch = integer("DistributedSampler.set_epoch", "epoch", epoch, minimum=0)
