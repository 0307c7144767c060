"""Windows of signals."""

from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from .._explained import explained
from ..autograd import Array
from ..dtypes import of_number
from ..tensor import Tensor
from ._dims import integer
from ._options import Options, chosen_dtype, created

__all__ = [
    "bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window",
]  # fmt: skip


def _window(
    function: str, length: int, periodic: bool, options: Any, values: Callable[[Array], Any]
) -> Tensor:
    """A window that is a function of positions from 0 to 1, the first and the last element."""
    size = integer(function, "window_length", length)
    if size < 0:
        raise RuntimeError(f"{function}: window_length must not be negative (got {size})")
    dtype = chosen_dtype(function, options, of_number[float])
    if dtype.kind != "f":
        raise RuntimeError(f"{function}: dtype must be a float dtype (got {dtype})")
    if size == 1:
        return created(function, np.ones(1, dtype), options)
    positions = np.arange(size) / (size - (0 if periodic else 1) or 1)
    return created(function, np.asarray(values(positions)).astype(dtype), options)


@explained
def bartlett_window(
    window_length: int, periodic: bool = True, **options: Unpack[Options]
) -> Tensor:
    """The triangle window; the arguments are those of `hann_window`.

    Examples
    --------
    >>> import cnet
    >>> cnet.bartlett_window(4)
    tensor([0. , 0.5, 1. , 0.5])
    """
    return _window(
        "bartlett_window", window_length, periodic, options, lambda t: 1 - np.abs(2 * t - 1)
    )


@explained
def hann_window(window_length: int, periodic: bool = True, **options: Unpack[Options]) -> Tensor:
    """The Hann window, ``0.5 - 0.5 cos(2 π t)``.

    Parameters
    ----------
    window_length : int
        The number of elements.
    periodic : bool, default True
        Whether the window is one period; otherwise it is symmetric.
    **options
        dtype, layout, device, requires_grad and pin_memory, as in `zeros`.

    Returns
    -------
    Tensor, shape (window_length,)

    Raises
    ------
    RuntimeError
        If `window_length` is negative, or the dtype is not a float dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.hann_window(4)
    tensor([0. , 0.5, 1. , 0.5])
    """
    return _window(
        "hann_window", window_length, periodic, options,
        lambda t: 0.5 - 0.5 * np.cos(2 * np.pi * t),
    )  # fmt: skip


@explained
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Unpack[Options],
) -> Tensor:
    """The Hamming window, ``alpha - beta cos(2 π t)``; see `hann_window`.

    Examples
    --------
    >>> import cnet
    >>> cnet.hamming_window(4)
    tensor([0.08, 0.54, 1.  , 0.54])
    """
    return _window(
        "hamming_window", window_length, periodic, options,
        lambda t: alpha - beta * np.cos(2 * np.pi * t),
    )  # fmt: skip


@explained
def blackman_window(
    window_length: int, periodic: bool = True, **options: Unpack[Options]
) -> Tensor:
    """The Blackman window, ``0.42 - 0.5 cos(2 π t) + 0.08 cos(4 π t)``; see `hann_window`.

    Examples
    --------
    >>> import cnet
    >>> cnet.blackman_window(4)[1:]
    tensor([0.34, 1.  , 0.34])
    """
    return _window(
        "blackman_window", window_length, periodic, options,
        lambda t: 0.42 - 0.5 * np.cos(2 * np.pi * t) + 0.08 * np.cos(4 * np.pi * t),
    )  # fmt: skip


@explained
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Unpack[Options]
) -> Tensor:
    """The Kaiser window with the shape `beta`; see `hann_window`.

    Examples
    --------
    >>> import cnet
    >>> cnet.kaiser_window(3, periodic=False, beta=0.0)
    tensor([1., 1., 1.])
    """
    return _window(
        "kaiser_window", window_length, periodic, options,
        lambda t: np.i0(beta * np.sqrt(np.maximum(1 - (2 * t - 1) ** 2, 0))) / np.i0(beta),
    )  # fmt: skip
