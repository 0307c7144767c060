"""Batches of a data set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from .._check import integer
from .collate import as_batch, default_collate, holds_numbers
from .dataset import ArrayDataset, Dataset, Subset
from .shuffle import Seed, as_generator, draw_seed, get_state, permutation


@dataclass
class _Epoch:
    """A pass over the data set: the seed of its order, and how many batches it has given."""

    seed: int | None
    batches: int = 0


class DataLoader:
    """Batches of a data set, once over all of it for each ``for`` loop.

    Parameters
    ----------
    dataset : Dataset
        The samples. Each is what ``dataset[i]`` returns: a subclass of `TensorDataset` or `Subset`
        may define `__getitem__`, to change samples or to draw random changes for each of them.
    batch_size : int, default 1
        Samples in a batch; the last batch may have fewer.
    shuffle : bool, default False
        Whether each pass has a new random order, drawn when the pass begins.
    drop_last : bool, default False
        Whether to leave out a last batch that is not full.
    generator : numpy.random.Generator or int, optional
        The source of the orders, or a seed; by default the generator that `cnet.manual_seed`
        seeds. A pass takes one number from it. The same seed gives the same orders in every
        version of cnet and NumPy.
    collate_fn : callable, optional
        Makes a batch from a list of samples. By default `default_collate`.

    Yields
    ------
    tuple of Tensor
        A batch, copied from the data set: a tensor for each field of a sample. In general a batch
        has the structure of a sample (see `default_collate`), or is what `collate_fn` returns.

    Raises
    ------
    ValueError
        If `batch_size` is smaller than 1.

    Notes
    -----
    Several loops over one loader may run at the same time; each has its own order and position.
    `state_dict` describes the loop that began last.

    Examples
    --------
    >>> import numpy as np
    >>> import cnet
    >>> data = cnet.utils.data.TensorDataset(np.arange(5.0), np.arange(5))
    >>> for x, y in cnet.utils.data.DataLoader(data, batch_size=2):
    ...     print(x.size(0), y)
    2 tensor([0, 1])
    2 tensor([2, 3])
    1 tensor([4])
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: SupportsIndex = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: Seed = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = integer("DataLoader", "batch_size", batch_size, minimum=1)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.generator = as_generator("DataLoader", generator)
        self.collate_fn = collate_fn
        self._epoch: _Epoch | None = None
        self._resumed: _Epoch | None = None

    def __len__(self) -> int:
        """Number of batches in a pass."""
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        epoch = self._resumed or _Epoch(draw_seed(self.generator) if self.shuffle else None)
        self._epoch, self._resumed = epoch, None
        return self._batches(epoch)

    def _batches(self, epoch: _Epoch) -> Iterator[Any]:
        n = len(self.dataset)
        order = np.arange(n) if epoch.seed is None else permutation(n, epoch.seed)
        for i in range(epoch.batches, len(self)):
            batch = self._batch(order[i * self.batch_size : (i + 1) * self.batch_size])
            epoch.batches += 1
            yield batch
        if self._epoch is epoch:
            self._epoch = None

    def _batch(self, indices: npt.NDArray[np.intp]) -> Any:
        if self.collate_fn is None:
            return _gather(self.dataset, indices)
        return self.collate_fn([self.dataset[int(i)] for i in indices])

    def state_dict(self) -> dict[str, Any]:
        """The position of the loader, as plain numbers and strings that fit into JSON.

        Returns
        -------
        dict
            The state of the generator; the order of the loop that began last and how many batches
            it has given, or None if it is complete; and the settings that these depend on.
        """
        epoch = self._epoch
        return {
            **self._settings(),
            "generator": get_state(self.generator) if self.shuffle else None,
            "epoch": None if epoch is None else {"seed": epoch.seed, "batches": epoch.batches},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: the next loop begins with the next batch of the same order.

        That loop gives the rest of the pass. It gives nothing if all batches had been given but
        the loop had not ended. All later passes are the same too. This sets the state of the
        generator, even if other code draws from it.

        Parameters
        ----------
        state : dict
            What `state_dict` returned for a loader with the same settings.

        Raises
        ------
        ValueError
            If the state is from a loader with other settings, or `state_dict` did not return it.
        """
        f = "DataLoader.load_state_dict"
        settings = self._settings()
        if state.keys() != {*settings, "generator", "epoch"}:
            raise ValueError(
                f"{f}: state must be what state_dict returned (got keys {list(state)})"
            )
        for name, value in settings.items():
            if state[name] != value:
                raise ValueError(
                    f"{f}: state[{name!r}] must equal that of this loader "
                    f"(got {state[name]!r} and {value!r})"
                )
        epoch = self._checked(state["epoch"])
        if self.shuffle:
            self.generator.bit_generator.state = state["generator"]
        self._epoch = self._resumed = epoch

    def _settings(self) -> dict[str, Any]:
        """The settings that an order and a position in it depend on."""
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def _checked(self, epoch: Any) -> _Epoch | None:
        match epoch:
            case None:
                return None
            case {"seed": int() | None as seed, "batches": int(batches)} if (
                (seed is not None) == self.shuffle
                and (seed is None or seed >= 0)
                and 0 <= batches <= len(self)
            ):
                return _Epoch(seed, batches)
        raise ValueError(
            f"DataLoader.load_state_dict: state['epoch'] must be None or have a seed and at most "
            f"{len(self)} batches (got {epoch!r})"
        )


def _gather(dataset: Dataset, indices: npt.NDArray[np.intp]) -> Any:
    """A batch with the samples that `dataset[i]` gives.

    Whole arrays are indexed at once where that is the same: where `__getitem__` is the class's own
    and not that of a subclass.
    """
    get = type(dataset).__getitem__
    if isinstance(dataset, Subset) and get is Subset.__getitem__:
        return _gather(dataset.dataset, dataset.indices[indices])
    if (
        isinstance(dataset, ArrayDataset)
        and get is ArrayDataset.__getitem__
        and all(map(holds_numbers, dataset.arrays))
    ):
        return tuple(as_batch(array[indices]) for array in dataset.arrays)
    return default_collate([dataset[int(i)] for i in indices])
