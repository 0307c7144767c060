"""From a list of samples to a batch of the same structure."""

from collections.abc import Mapping, MutableMapping, Sequence
from copy import copy
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..._explained import explained
from ...tensor import Tensor

Array: TypeAlias = npt.NDArray[Any]


@explained
def default_collate(samples: Sequence[Any]) -> Any:
    """Stack samples into a batch, field by field.

    Parameters
    ----------
    samples : sequence
        At least one sample. All samples have the same structure.

    Returns
    -------
    Any
        Depends on what a sample is:

        - numbers, NumPy scalars, arrays and tensors become one `Tensor` with a new first axis; it
          does not require a gradient. Python floats become float64 and integers int64;
        - strings and bytes become a list;
        - a mapping becomes a mapping of the same type, a named tuple a named tuple of the same
          type, and any other sequence a list, with a batch for each field.

    Raises
    ------
    TypeError
        If a sample holds something else, None for example.
    ValueError
        If there is no sample, or the samples differ in structure or in the shape of their arrays.

    Examples
    --------
    >>> from cnet.utils.data import default_collate
    >>> default_collate([{"age": 41, "name": "Ada"}, {"age": 36, "name": "Alan"}])
    {'age': tensor([41, 36]), 'name': ['Ada', 'Alan']}
    """
    if not len(samples):
        raise ValueError("default_collate: samples must have at least 1 item (got 0)")
    return _collate(list(samples), "")


def default_convert(sample: Any) -> Any:
    """Turn the arrays in a sample into tensors, which share their memory.

    Parameters
    ----------
    sample : Any
        An array, a NumPy scalar, or mappings and sequences of samples.

    Returns
    -------
    Any
        The same structure. Python numbers, strings and all other objects are not changed.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.utils.data import default_convert
    >>> default_convert({"x": np.array([1, 2]), "n": 3})
    {'x': tensor([1, 2]), 'n': 3}
    """
    if isinstance(sample, Tensor | str | bytes):
        return sample
    if isinstance(sample, np.ndarray | np.generic):
        return as_batch(np.asarray(sample)) if holds_numbers(np.asarray(sample)) else sample
    if isinstance(sample, Mapping):
        return _like_mapping(sample, {key: default_convert(sample[key]) for key in sample})
    if isinstance(sample, Sequence) and not _has_buffer(sample):
        return _like_sequence(sample, [default_convert(item) for item in sample])
    return sample


def as_batch(array: Array) -> Tensor:
    """A stacked array as a tensor that shares its memory, in native byte order."""
    return Tensor(array.astype(array.dtype.newbyteorder("="), copy=False))


def holds_numbers(array: Array) -> bool:
    """Whether a tensor can hold what the array holds."""
    return array.dtype.kind in "biuf"


def _collate(samples: list[Any], name: str) -> Any:
    """The batch of `samples`, which are at `name` within the samples of the user."""
    first = samples[0]
    if isinstance(first, str | bytes):
        _require_kind(samples, str | bytes, "a string", name)
        return samples
    if isinstance(first, Mapping):
        _require_kind(samples, Mapping, "a mapping", name)
        return _collate_mappings(samples, name)
    if isinstance(first, Sequence) and not _has_buffer(first):
        _require_kind(samples, Sequence, "a sequence", name)
        return _collate_sequences(samples, name)
    return _stack(samples, name)


def _has_buffer(item: Any) -> bool:
    """Whether NumPy reads the object as an array by itself: array.array, memoryview."""
    try:
        memoryview(item)
    except TypeError:
        return hasattr(item, "__array__")
    return True


def _require_kind(samples: list[Any], kind: Any, description: str, name: str) -> None:
    for sample in samples:
        if not isinstance(sample, kind):
            raise ValueError(
                f"default_collate: samples{name} must all be {description} "
                f"(got {type(sample).__name__})"
            )


def _collate_mappings(samples: list[Any], name: str) -> Any:
    first = samples[0]
    for sample in samples:
        if sample.keys() != first.keys():
            raise ValueError(
                f"default_collate: samples{name} must have the same keys "
                f"(got {list(first)} and {list(sample)})"
            )
    batch = {
        key: _collate([sample[key] for sample in samples], f"{name}[{key!r}]") for key in first
    }
    return _like_mapping(first, batch)


def _like_mapping(example: Any, items: dict[Any, Any]) -> Any:
    """A mapping of the example's type."""
    if type(example) is dict:
        return items
    if isinstance(example, MutableMapping):
        result = copy(example)
        result.update(items)
        return result
    try:
        return type(example)(items)
    except TypeError:
        return items


def _collate_sequences(samples: list[Any], name: str) -> Any:
    first = samples[0]
    lengths = {len(sample) for sample in samples}
    if len(lengths) > 1:
        raise ValueError(
            f"default_collate: samples{name} must have the same number of fields "
            f"(got {sorted(lengths)})"
        )
    fields = [
        _collate(list(field), f"{name}[{i}]") for i, field in enumerate(zip(*samples, strict=True))
    ]
    return _like_sequence(first, fields)


def _like_sequence(example: Any, items: list[Any]) -> Any:
    """A named tuple of the example's type, or a list."""
    if isinstance(example, tuple) and hasattr(example, "_fields"):
        return type(example)(*items)
    return items


def _stack(samples: list[Any], name: str) -> Tensor:
    """Numbers and arrays side by side along a new first axis."""
    arrays = [_as_array(sample, name) for sample in samples]
    for array in arrays:
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"default_collate: samples{name} must have the same shape to be stacked "
                f"(got {arrays[0].shape} and {array.shape}); pass collate_fn= for other batches"
            )
    return as_batch(np.stack(arrays))


def _as_array(sample: Any, name: str) -> Array:
    """The array that a sample is."""
    if isinstance(sample, Tensor):
        return np.asarray(sample.detach())
    if isinstance(sample, int) and not isinstance(sample, bool):
        return np.array(sample, np.int64)
    if isinstance(sample, Mapping | Sequence) and not _has_buffer(sample):
        raise ValueError(
            f"default_collate: samples{name} must all be numbers or arrays "
            f"(got {type(sample).__name__})"
        )
    if hasattr(sample, "getbands"):
        raise TypeError(
            f"default_collate: samples{name} must not be PIL images; "
            f"use transforms.ToTensor(), or pass collate_fn="
        )
    array = np.asarray(sample)
    if not holds_numbers(array):
        raise TypeError(
            f"default_collate: samples{name} must be numbers, arrays, tensors, strings, mappings "
            f"or sequences (got {type(sample).__name__} of dtype {array.dtype}); "
            f"pass collate_fn= for other samples"
        )
    return array
