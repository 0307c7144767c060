"""Padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations.indexing import Index
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["pad"]


class Pad(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, widths: list[tuple[int, int]], value: float) -> Array:
        ctx.inside = tuple(
            [slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True)]
        )
        return np.pad(x, widths, constant_values=value)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad[ctx.inside]


_NUMPY_MODES: dict[str, Any] = {
    "constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap",
}  # fmt: skip


def pad(
    input: TensorLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add elements at both ends of the last axes, or remove them.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    pad : sequence of int
        The numbers of elements to add before and after, first for the last axis, then for the
        second to last axis, and so on. Negative numbers remove elements.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
        The added elements: `value`, the mirror image without the edge, the edge, or the elements at
        the opposite end.
    value : float, default 0
        The added value in the mode "constant"; must not be given in other modes.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `pad` has an odd length or more pairs than `input` has axes, if it removes more elements
        than there are or adds more than the mode allows, or if `mode` is unknown.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0, 3.0]])
    >>> cnet.functional.pad(x, (1, 0, 0, 1))
    tensor([[0., 1., 2., 3.],
            [0., 0., 0., 0.]])
    >>> cnet.functional.pad(x, (2, -1), mode="circular")
    tensor([[1., 2., 1., 2.]])
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: pad must have two numbers for each of at most {input.ndim} axes "
            f"(got {tuple(pad)})"
        )
    if mode not in _NUMPY_MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_NUMPY_MODES)} (got {mode!r})")
    pairs = [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    ends = [(0, 0)] * (input.ndim - len(pairs)) + pairs
    kept = [
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(input.shape, ends, strict=True)
    ]
    if mode != "constant":
        _check_ends(mode, value, input.shape, ends)
    if any(part.start > part.stop for part in kept):
        raise ValueError(f"pad: pad removes too much (got {tuple(pad)} and shape {input.shape})")
    if min(pad, default=0) < 0:
        input = Index.apply(input, index=tuple(kept))
    widths = [(max(before, 0), max(after, 0)) for before, after in ends]
    if mode == "constant":
        return Pad.apply(input, widths=widths, value=0 if value is None else value)
    for axis, width in enumerate(widths):
        if any(width):
            positions = np.pad(np.arange(input.shape[axis]), width, mode=_NUMPY_MODES[mode])
            input = Index.apply(input, index=(*[slice(None)] * axis, positions))
    return as_tensor(input)


def _check_ends(
    mode: str, value: float | None, shape: tuple[int, ...], ends: list[tuple[int, int]]
) -> None:
    if value:
        raise ValueError(f"pad: value is for the mode 'constant' only (got {value} and {mode!r})")
    for size, end in zip(shape, ends, strict=True):
        limit = {"reflect": size - 1, "circular": size}.get(mode, max(end))
        if max(end) > max(limit, 0) or (size == 0 and max(end) > 0):
            raise ValueError(
                f"pad: pad must add at most {limit} elements in the mode {mode!r} "
                f"(got {end} and shape {shape})"
            )
