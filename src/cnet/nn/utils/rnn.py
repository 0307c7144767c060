"""Sequences of different lengths."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import functional as F
from ..._explained import explained
from ...autograd import Array
from ...operations import full, stack
from ...replay import note_read
from ...tensor import Tensor, TensorLike, array_of, as_tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


def _on_data(name: str) -> Callable[..., "PackedSequence"]:
    def method(self: "PackedSequence", *args: Any, **kwargs: Any) -> "PackedSequence":
        data = getattr(self.data, name)(*args, **kwargs)
        return self if data is self.data else self._replace(data=data)

    method.__doc__ = f"The sequences with the result of `Tensor.{name}` for their elements."
    return method


class PackedSequence(_Packed):
    """Sequences of different lengths without padding: first all first steps, and so on.

    Use `pack_padded_sequence` and `pack_sequence` to create them. `RNN`, `LSTM` and `GRU` accept
    them.

    Parameters
    ----------
    data : Tensor, shape (sum of the lengths, ...)
        The elements of step 0 of all sequences, then those of step 1, and so on. The sequences are
        sorted by descending length.
    batch_sizes : Tensor of int64, shape (longest length,), optional
        The number of sequences that have each step.
    sorted_indices : Tensor of int64, shape (n,), optional
        The positions of the sorted sequences in the original order, if they were not sorted.
    unsorted_indices : Tensor of int64, shape (n,), optional
        The inverse; by default computed from `sorted_indices`.

    Examples
    --------
    >>> import cnet
    >>> from cnet.nn.utils.rnn import pack_sequence
    >>> packed = pack_sequence([cnet.tensor([1, 2, 3]), cnet.tensor([4])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> "PackedSequence":
        if batch_sizes is None:
            raise ValueError("PackedSequence: batch_sizes must be given")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    to = _on_data("to")
    cpu = _on_data("cpu")
    cuda = _on_data("cuda")
    double = _on_data("double")
    float = _on_data("float")
    half = _on_data("half")
    long = _on_data("long")
    int = _on_data("int")
    short = _on_data("short")
    char = _on_data("char")
    byte = _on_data("byte")
    pin_memory = _on_data("pin_memory")

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a CUDA device: always False."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the elements are in pinned memory, as `Tensor.is_pinned`."""
        return self.data.is_pinned()


@explained
def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The inverse of a permutation of 0, 1, 2, and so on; None for None."""
    return None if permutation is None else Tensor(np.argsort(array_of(permutation)))


@explained
def pack_padded_sequence(
    input: TensorLike, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a tensor of sequences that were filled up to the same length.

    Parameters
    ----------
    input : Tensor or ndarray, shape (length, n, ...), or (n, length, ...) if `batch_first`
        The sequences.
    lengths : Tensor or sequence of int, shape (n,)
        Their lengths.
    batch_first : bool, default False
        Whether the first axis is that of the sequences.
    enforce_sorted : bool, default True
        Whether the sequences must be sorted by descending length; otherwise they are sorted, and
        the result has `sorted_indices` and `unsorted_indices`.

    Returns
    -------
    PackedSequence

    Raises
    ------
    RuntimeError
        If a length is less than 1 or greater than that of `input`, or if the sequences are not
        sorted.
    ValueError
        If `input` has less than 2 dimensions, or `lengths` has another shape than (n,).

    Examples
    --------
    >>> import cnet
    >>> from cnet.nn.utils.rnn import pack_padded_sequence
    >>> padded = cnet.tensor([[1, 2, 3], [4, 0, 0]])
    >>> pack_padded_sequence(padded, [3, 1], batch_first=True).data
    tensor([1, 4, 2, 3])
    """
    x = as_tensor(input)
    if x.ndim < 2:
        raise ValueError(
            f"pack_padded_sequence: input must have at least 2 dimensions (got {x.ndim})"
        )
    steps = x.transpose(0, 1) if batch_first else x
    given = array_of(lengths)
    sizes = np.array(given, np.int64)
    if isinstance(lengths, Tensor):
        note_read("pack_padded_sequence")
    if sizes.shape != (steps.shape[1],):
        raise ValueError(
            "pack_padded_sequence: lengths must have one element for each sequence "
            f"(got shape {sizes.shape} and {steps.shape[1]} sequences)"
        )
    if not sizes.size or sizes.min() < 1 or sizes.max() > len(steps):
        raise RuntimeError(
            "pack_padded_sequence: lengths must be between 1 and the length of input "
            f"(got {sizes.tolist()} and {len(steps)})"
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes, steps = sizes[order], steps.index_select(1, Tensor(order))
    elif (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "pack_padded_sequence: lengths must be in descending order if enforce_sorted is true "
            f"(got {sizes.tolist()})"
        )
    present = np.arange(sizes[0])[:, np.newaxis] < sizes
    data = steps[np.nonzero(present)]
    return PackedSequence(data, Tensor(present.sum(1)), None if order is None else Tensor(order))


@explained
def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Unpack sequences into one tensor, where shorter sequences are filled.

    Parameters
    ----------
    sequence : PackedSequence
        The sequences.
    batch_first : bool, default False
        Whether the first axis of the result is that of the sequences.
    padding_value : float, default 0.0
        The value after the end of shorter sequences.
    total_length : int, optional
        The length of the result, by default that of the longest sequence.

    Returns
    -------
    (Tensor, Tensor)
        The sequences, shape (length, n, ...), or (n, length, ...) if `batch_first`, in the order
        before they were sorted; and their lengths, int64 of shape (n,).

    Raises
    ------
    ValueError
        If `total_length` is less than the length of the longest sequence.

    Examples
    --------
    >>> import cnet
    >>> from cnet.nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> packed = pack_sequence([cnet.tensor([1, 2, 3]), cnet.tensor([4])])
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    sizes: Array = array_of(sequence.batch_sizes)
    length = len(sizes) if total_length is None else total_length
    if length < len(sizes):
        raise ValueError(
            "pad_packed_sequence: total_length must be at least the length of the longest "
            f"sequence (got {length} and {len(sizes)})"
        )
    present = np.arange(sizes[0]) < sizes[:, np.newaxis]
    shape = (length, int(sizes[0]), *sequence.data.shape[1:])
    padded = full(shape, padding_value, dtype=sequence.data.dtype)
    padded[np.nonzero(present)] = sequence.data
    lengths = Tensor(present.sum(0))
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices]
    return padded.transpose(0, 1) if batch_first else padded, lengths


@explained
def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths.

    Parameters
    ----------
    sequences : sequence of Tensor, each of shape (length, ...)
        The sequences, whose other dimensions are equal.
    enforce_sorted : bool, default True
        As in `pack_padded_sequence`, which also lists the errors.

    Returns
    -------
    PackedSequence

    Examples
    --------
    >>> import cnet
    >>> from cnet.nn.utils.rnn import pack_sequence
    >>> pack_sequence([cnet.tensor([4]), cnet.tensor([1, 2])], enforce_sorted=False).data
    tensor([1, 4, 2])
    """
    lengths = [len(sequence) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


@explained
def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that `pack_sequence` packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


@explained
def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths in one tensor.

    Parameters
    ----------
    sequences : sequence of Tensor, each of shape (length, ...)
        The sequences, whose other dimensions are equal.
    batch_first : bool, default False
        Whether the first axis of the result is that of the sequences.
    padding_value : float, default 0.0
        The value after the end of shorter sequences.
    padding_side : {'right', 'left'}, default 'right'
        The side on which shorter sequences are filled.

    Returns
    -------
    Tensor, shape (longest length, n, ...), or (n, longest length, ...) if `batch_first`

    Raises
    ------
    ValueError
        If there are no sequences or `padding_side` is unknown.

    Examples
    --------
    >>> import cnet
    >>> cnet.nn.utils.rnn.pad_sequence([cnet.tensor([1, 2]), cnet.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if padding_side not in ("right", "left"):
        raise ValueError(
            f"pad_sequence: padding_side must be 'right' or 'left' (got {padding_side!r})"
        )
    tensors = [as_tensor(sequence) for sequence in sequences]
    if not tensors:
        raise ValueError("pad_sequence: sequences must not be empty")
    longest = max(len(tensor) for tensor in tensors)
    padded = []
    for tensor in tensors:
        missing = longest - len(tensor)
        widths = (0, missing) if padding_side == "right" else (missing, 0)
        padding = [0, 0] * (tensor.ndim - 1) + list(widths)
        padded.append(F.pad(tensor, padding, value=padding_value) if missing else tensor)
    return stack(padded, 0 if batch_first else 1)


@explained
def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences that `pad_sequence` stacked, given their lengths."""
    stacked = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [sequence[: int(length)] for sequence, length in zip(stacked, lengths, strict=True)]
