"""Sequences of different lengths."""

from collections.abc import Sequence
from typing import Any

from ... import functional as F
from ...operations import stack
from ...tensor import Tensor, as_tensor


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


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences that `pad_sequence` stacked, given their lengths."""
    stacked = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [sequence[: int(length)] for sequence, length in zip(stacked, lengths, strict=True)]
