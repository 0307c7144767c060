"""Floats of 8 and 16 bits for which NumPy has no dtype: widened to float32 without rounding, and
float32 rounded to bfloat16.

References
----------
P. Micikevicius et al., "FP8 formats for deep learning", arXiv:2209.05433, 2022 (E4M3, E5M2);
B. Noune et al., "8-bit numerical formats for deep neural networks", arXiv:2206.02915, 2022 (the
FNUZ variants); Open Compute Project, "OCP Microscaling Formats (MX) specification", version 1.0,
2023 (E8M0).
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

FLOAT8 = {"F8_E4M3": 3, "F8_E4M3FNUZ": 3, "F8_E5M2": 2, "F8_E5M2FNUZ": 2, "F8_E8M0": 0}
"""Formats by their names in safetensors files, with the number of mantissa bits."""

NARROW = {"BF16", *FLOAT8}
"""The formats that `widen` takes."""


def widen(data: bytes | bytearray | npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    """Widen numbers to float32; every value is kept exactly.

    Parameters
    ----------
    data : bytes, bytearray or ndarray of uint8
        The numbers, little-endian and without gaps.
    dtype : str
        One of `NARROW`.

    Returns
    -------
    ndarray of float32, shape (n,)

    Examples
    --------
    >>> from cnet._narrow import widen
    >>> widen(bytes([0x80, 0x3F, 0x49, 0x40]), "BF16")
    array([1.      , 3.140625], dtype=float32)
    """
    if dtype == "BF16":
        return of_bfloat16(np.frombuffer(data, "<u2"))
    return _float8_values(dtype)[np.frombuffer(data, np.uint8)]


def of_bfloat16(bits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The float32 of which a bfloat16, given by its bits as uint16, is the upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bfloat16(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The bits of the nearest bfloat16 of float32, as uint16; ties to even; NaN stays NaN.

    Examples
    --------
    >>> from cnet._narrow import of_bfloat16, to_bfloat16
    >>> of_bfloat16(to_bfloat16(np.array([1, 3.141592, np.inf], np.float32)))
    array([1.      , 3.140625,      inf], dtype=float32)
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    upper = bits >> 16
    with np.errstate(over="ignore"):
        nearest = (bits + 0x7FFF + (upper & 1)) >> 16
    return np.where(np.isnan(x), upper | 0x40, nearest).astype(np.uint16)


@cache
def _float8_values(dtype: str) -> npt.NDArray[Any]:
    """The value of each of the 256 codes: sign, exponent, mantissa."""
    codes = np.arange(256)
    if dtype == "F8_E8M0":  # powers of two, without sign and mantissa
        values = np.ldexp(1.0, codes - 127)
        values[0xFF] = np.nan
        return values.astype(np.float32)
    mantissa_bits = FLOAT8[dtype]
    unsigned = codes & 0x7F
    exponent, mantissa = unsigned >> mantissa_bits, unsigned & ((1 << mantissa_bits) - 1)
    is_fnuz = dtype.endswith("FNUZ")
    bias = (1 << (6 - mantissa_bits)) - (not is_fnuz)
    fraction = mantissa / (1 << mantissa_bits)
    subnormal, normal = np.ldexp(fraction, 1 - bias), np.ldexp(1 + fraction, exponent - bias)
    values = np.where(exponent == 0, subnormal, normal)
    if dtype == "F8_E4M3":
        values[unsigned == 0x7F] = np.nan
    elif dtype == "F8_E5M2":
        values[exponent == 0x1F] = np.where(mantissa == 0, np.inf, np.nan)[exponent == 0x1F]
    values = np.copysign(values, np.where(codes & 0x80, -1.0, 1.0))
    if is_fnuz:  # what would be -0 is the only NaN
        values[0x80] = np.nan
    return values.astype(np.float32)
