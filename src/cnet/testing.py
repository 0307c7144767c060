"""Comparison and creation of tensors in tests, as in ``torch.testing``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import Array
from .devices import Place, require_cpu
from .dtypes import DType, as_dtype
from .random import default_generator
from .tensor import Tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}
"""The relative and the absolute tolerance for a dtype; integers must be equal."""

Message = str | Callable[[str], str] | None


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Assert that two values are equal, or differ by at most ``atol + rtol * abs(expected)``.

    Parameters
    ----------
    actual, expected : Tensor, ndarray, number, None, or sequences or mappings of these
        Both must have the same structure.
    allow_subclasses : bool, default True
        Whether values of different types can be compared, a tensor with an array for example.
    rtol, atol : float, optional
        The relative and the absolute tolerance; both or none must be given. By default 0.001 and
        1e-5 for float16, 1.3e-6 and 1e-5 for float32, 1e-7 and 1e-7 for float64, and 0 for other
        dtypes. If dtypes differ, those of the less exact one.
    equal_nan : bool, default False
        Whether NaN equals NaN.
    check_dtype : bool, default True
        Whether dtypes must be the same.
    check_stride : bool, default False
        Whether strides must be the same.
    check_device, check_layout : bool, default True
        Have no effect: there are one device and one layout.
    msg : str or callable, optional
        The message of the error, or a function that makes it from the default one.

    Raises
    ------
    AssertionError
        If the values are not close, or differ in structure, shape or dtype.
    TypeError
        If values cannot be compared.
    ValueError
        If only one of the tolerances is given.

    Examples
    --------
    >>> import cnet
    >>> cnet.testing.assert_close(cnet.tensor([1.0, 2.0]) / 3 * 3, cnet.tensor([1.0, 2.0]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"assert_close: rtol and atol must both be given or both be omitted (got no {missing})"
        )
    tolerances = None if rtol is None or atol is None else (rtol, atol)

    def fail(text: str, place: str) -> None:
        text += f"\n\nThe failure occurred for item {place}" if place else ""
        raise AssertionError(msg(text) if callable(msg) else msg or text)

    def compare(ours: Any, theirs: Any, place: str) -> None:
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            if ours.keys() != theirs.keys():
                fail(f"The keys do not match: {list(ours)} != {list(theirs)}.", place)
            for key in ours:
                compare(ours[key], theirs[key], f"{place}[{key!r}]")
            return
        if _is_sequence(ours) and _is_sequence(theirs):
            if len(ours) != len(theirs):
                fail(f"The lengths do not match: {len(ours)} != {len(theirs)}.", place)
            for i, pair in enumerate(zip(ours, theirs, strict=True)):
                compare(*pair, f"{place}[{i}]")
            return
        if ours is None or theirs is None:
            if ours is not theirs:
                fail(f"None mismatch: {ours} is not {theirs}", place)
            return
        pair = _array(ours), _array(theirs)
        related = isinstance(ours, type(theirs)) or isinstance(theirs, type(ours))
        numbers = isinstance(ours, int | float) and isinstance(theirs, int | float)
        if any(array is None for array in pair) or not (related or numbers or allow_subclasses):
            raise TypeError(
                f"assert_close: actual and expected{place} must be tensors, arrays or numbers "
                f"(got {type(ours).__name__} and {type(theirs).__name__})"
            )
        difference = _difference(*pair, tolerances, equal_nan, check_dtype, check_stride)
        if difference:
            fail(difference, place)

    compare(actual, expected, "")


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _array(value: Any) -> Any:
    """The array of a value, or None if it has no numbers."""
    array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
    return array if array.dtype.kind in "biuf" else None


def _difference(
    ours: Array,
    theirs: Array,
    tolerances: tuple[float, float] | None,
    equal_nan: bool,
    check_dtype: bool,
    check_stride: bool,
) -> str:
    """What differs, or an empty string."""
    for name, is_checked in (("shape", True), ("strides", check_stride), ("dtype", check_dtype)):
        values = getattr(ours, name), getattr(theirs, name)
        if is_checked and values[0] != values[1]:
            return f"The values for attribute {name!r} do not match: {values[0]} != {values[1]}."
    if tolerances is None:
        known = [TOLERANCES.get(array.dtype.name, (0.0, 0.0)) for array in (ours, theirs)]
        tolerances = max(known)
    rtol, atol = tolerances
    is_exact = not (rtol or atol or "f" in (ours.dtype.kind, theirs.dtype.kind))
    if not is_exact:
        ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(all="ignore"):
        is_close = ours == theirs
        if not is_exact:
            is_close |= np.abs(ours - theirs) <= atol + rtol * np.abs(theirs)
            is_close &= (np.isfinite(ours) & np.isfinite(theirs)) | (ours == theirs)
            is_close |= equal_nan & np.isnan(ours) & np.isnan(theirs)
        if is_close.all():
            return ""
        absolute = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
        relative = absolute / np.abs(theirs)
    absolute, relative = (np.where(is_close, 0, x) for x in (absolute, relative))
    lines = []
    for name, errors, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        place = np.unravel_index(int(errors.argmax()), errors.shape)
        limit = "" if is_exact else f" (up to {allowed} allowed)"
        where = f" at index {tuple(map(int, place))}" if place else ""
        lines.append(f"Greatest {name} difference: {errors[place]}{where}{limit}")
    wrong, count = int((~is_close).sum()), is_close.size
    return "\n".join(
        [
            f"The values are not {'equal' if is_exact else 'close'}!\n",
            f"Mismatched elements: {wrong} / {count} ({100 * wrong / count:.1f}%)",
            *lines,
        ]
    )


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """`assert_close` for values of any dtype, in which NaN equals NaN; an older name.

    Examples
    --------
    >>> import cnet
    >>> cnet.testing.assert_allclose(cnet.ones(2), [1.0, 1.0])
    """
    assert_close(
        _array(actual),
        _array(expected),
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        msg=msg or None,
    )


def make_tensor(
    *shape: Any,
    dtype: DType,
    device: Place = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
) -> Tensor:
    """A tensor of uniformly distributed random numbers.

    Parameters
    ----------
    *shape : int, or one sequence of int
        The sizes.
    dtype : dtype
        The dtype.
    device : device or str, optional
        Must be the CPU.
    low, high : float, optional
        The range ``[low, high)``; by default from −9 to 9 for floats, to 10 for signed integers,
        from 0 to 10 for unsigned ones and from 0 to 2 for booleans.
    requires_grad : bool, default False
        Whether gradients are computed for the tensor.
    noncontiguous : bool, default False
        Whether a tensor of at least two elements is not contiguous.
    exclude_zero : bool, default False
        Whether zeros are replaced by 1, or by the smallest normal number.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If the dtype does not exist.
    ValueError
        If `low` is not less than `high`, or gradients of integers are required.
    RuntimeError
        If `device` is not the CPU.

    Examples
    --------
    >>> import cnet
    >>> cnet.testing.make_tensor(2, 3, dtype=cnet.float32, low=-1, high=1).shape
    (2, 3)
    """
    if device is not None:
        require_cpu("make_tensor", device)
    chosen = as_dtype("make_tensor", dtype)
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    kind = chosen.kind
    bounds = {"f": (-9, 9), "i": (-9, 10), "u": (0, 10), "b": (0, 2)}[kind]
    low, high = bounds[0] if low is None else low, bounds[1] if high is None else high
    if not low < high:
        raise ValueError(f"make_tensor: low must be less than high (got {low} and {high})")
    if requires_grad and kind != "f":
        raise ValueError(f"make_tensor: a tensor that requires grad must be float (got {chosen})")
    last = sizes[-1:] and (2 * sizes[-1],)
    drawn = (*sizes[:-1], *last) if noncontiguous else sizes
    generator = default_generator()
    if kind == "f":
        array = generator.uniform(low, high, drawn).astype(chosen)
    else:
        array = generator.integers(int(np.ceil(low)), int(np.ceil(high)), drawn).astype(chosen)
    if noncontiguous and sizes:
        array = array[..., ::2]
    if exclude_zero:
        array[array == 0] = np.finfo(chosen).tiny if kind == "f" else 1
    return Tensor(array, requires_grad=requires_grad)
