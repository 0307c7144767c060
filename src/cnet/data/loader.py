"""Batches of a data set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from ._check import integer
from .dataset import ArrayDataset, Dataset, Subset
from .shuffle import Seed, as_generator, draw_seed, get_state, permutation


@dataclass
class _Epoch:
    """A pass over the data set: the order it has, and how many batches it has given out."""

    seed: int | None
    batches: int = 0


class DataLoader:
    """Batches of a data set, once over all of it for each ``for`` loop.

    Parameters
    ----------
    dataset : Dataset
        Where the samples are.
    batch_size : int, default 1
        Samples in a batch; the last batch may have fewer.
    shuffle : bool, default False
        Whether each pass has an order of its own, drawn at random when it begins.
    drop_last : bool, default False
        Whether to leave out a last batch that is not full.
    generator : numpy.random.Generator or int, optional
        What the orders are drawn from, or a seed; by default what `cnet.manual_seed` seeds. A
        pass takes one number from it. The same seed gives the same orders in every version of
        cnet and NumPy.
    collate_fn : callable, optional
        Makes a batch from a list of samples. By default the samples are stacked, field by field.

    Yields
    ------
    tuple of numpy.ndarray
        A batch, with one array for each field of a sample, copied from the data set; or whatever
        `collate_fn` gives. Samples that are not tuples give one array.

    Raises
    ------
    ValueError
        If `batch_size` is smaller than 1.

    Notes
    -----
    Several loops over one loader may run at once: each has its own order and position.
    `state_dict` describes the one that was begun last.

    Examples
    --------
    >>> import numpy as np
    >>> import cnet
    >>> data = cnet.data.ArrayDataset(np.arange(5.0), np.arange(5))
    >>> for x, y in cnet.data.DataLoader(data, batch_size=2):
    ...     print(x, y)
    [0. 1.] [0 1]
    [2. 3.] [2 3]
    [4.] [4]
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
        """Where the loader stands, as plain numbers and strings that fit into JSON.

        Returns
        -------
        dict
            The state of the generator; the order of the loop begun last and how many batches it
            has given out, or None if it is through; and the settings these depend on.
        """
        epoch = self._epoch
        return {
            **self._settings(),
            "generator": get_state(self.generator) if self.shuffle else None,
            "epoch": None if epoch is None else {"seed": epoch.seed, "batches": epoch.batches},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: the next loop begins with the next batch of the same order.

        That loop gives the rest of the pass, which is nothing if all batches had been given out
        but the loop had not ended; all later passes are the same as well. The state of the
        generator is set, even if others draw from it.

        Parameters
        ----------
        state : dict
            What `state_dict` gave, of a loader with the same settings.

        Raises
        ------
        ValueError
            If it is from a loader with other settings, or is no such state.
        """
        f = "DataLoader.load_state_dict"
        settings = self._settings()
        if state.keys() != {*settings, "generator", "epoch"}:
            raise ValueError(f"{f}: state must be what state_dict gave (got keys {list(state)})")
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
        """What an order and a position in it depend on."""
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
    """A batch; of arrays by one indexing of each."""
    if isinstance(dataset, ArrayDataset):
        return dataset[indices]
    if isinstance(dataset, Subset):
        return _gather(dataset.dataset, dataset.indices[indices])
    return _stack([dataset[int(i)] for i in indices])


def _stack(samples: list[Any]) -> Any:
    """Samples side by side along a new first axis."""
    if not isinstance(samples[0], tuple | list):
        return _stack_field(samples, "")
    lengths = {len(sample) for sample in samples}
    if len(lengths) > 1:
        raise ValueError(f"DataLoader: samples must have as many fields (got {sorted(lengths)})")
    return tuple(
        _stack_field(list(field), f"[{i}]") for i, field in enumerate(zip(*samples, strict=True))
    )


def _stack_field(field: list[Any], name: str) -> npt.NDArray[Any]:
    arrays = [np.asarray(item) for item in field]
    for array in arrays:
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"DataLoader: samples{name} must have one shape to be stacked "
                f"(got {arrays[0].shape} and {array.shape}); collate_fn= takes any"
            )
    return np.stack(arrays)
