"""Invalid input to every kernel: an exception that names kernel, argument and values, on every ISA.

Each row replaces one or two of the good arguments of a spec. The rows for all kernels are generated
here, from the parameters and the good arguments of each kernel.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cnet import kernels, runtime
from specs import SPECS
from specs.spec import Bad, Spec

IMPLEMENTATIONS = "reference", runtime.available_isas()[-1]
WINDOW = {"kernel_size": 1, "stride": 1, "dilation": 1, "padding": 0}
"""The parameters that are pairs of sizes, with their minimum."""


def _misaligned(x: np.ndarray) -> np.ndarray:
    return np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)


def _read_only(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y.flags.writeable = False
    return y


def _arrays(spec: Spec) -> Iterator[Bad]:
    """Invalid arrays for every kernel."""
    arrays = {name: x for name, x in spec.good.items() if isinstance(x, np.ndarray)}
    for name, x in arrays.items():
        for value in (x.tolist(), 1.5):
            kind = type(value).__name__
            yield {name: value}, TypeError, f"{name} must be a NumPy array (got {kind})"
        if spec.parameters[name].default is not None:
            yield {name: None}, TypeError, f"{name} must be a NumPy array (got NoneType)"
        if name not in spec.any_rank:
            rank = f"{name} must have {x.ndim} dimensions"
            text = f"{rank} (got {x.ndim + 1}, shape (1, "
            yield {name: x[np.newaxis]}, ValueError, text
            yield {name: np.asarray(x[0])}, ValueError, rank
        if x.dtype.kind in "iu":
            for bad in ("f4", "f8", "?", "O", "c8", "U1"):
                text = f"{name}.dtype must be an integer dtype (got {np.dtype(bad)})"
                yield {name: x.astype(bad)}, TypeError, text
            continue
        for bad in ("i4", "i8", "u1", "?", "f2", "g", "c8", "c16", "O", "U1", "M8[s]"):
            yield {name: x.astype(bad)}, TypeError, f"{name}.dtype must be "
        if len([y for y in arrays.values() if y.dtype == x.dtype]) > 1:
            yield {name: x.astype(np.float64)}, TypeError, ".dtype must equal "
    for name in spec.in_place:
        text = f"{name} must be C-contiguous, aligned and writable"
        for layout in (np.asfortranarray, _misaligned, _read_only):
            yield {name: layout(spec.good[name])}, ValueError, text
        swapped = spec.good[name].astype(spec.good[name].dtype.newbyteorder())
        yield {name: swapped}, TypeError, f"{name}.dtype must be native"


def _windows(spec: Spec) -> Iterator[Bad]:
    """Invalid sizes of windows: types, lengths, values."""
    for name in (name for name in WINDOW if name in spec.parameters):
        lowest, text = WINDOW[name], f"{name} must be an int or a pair of ints"
        if name != "padding":
            yield {name: "2"}, TypeError, text
        for value in (1.0, (1.0, 1), (1.0, 1.0), [1.0, 1.0], True, (1, True), (1, "1"), ("1",),
                      1j, ([1], [1]), {1, 2}, {1: 1, 2: 2}, b"\x01\x02", np.float64(1),
                      np.ones(2), object(), (None, 1)):  # fmt: skip
            yield {name: value}, TypeError, text
        if spec.parameters[name].default is not None:
            yield {name: None}, TypeError, text
        for value in ((), (1, 1, 1), [1, 1, 1], np.ones(3, int)):
            yield {name: value}, ValueError, f"{name} must have 2 items"
        for value in (lowest - 1, (1, lowest - 1), (lowest - 1, 1), -(2**70)):
            yield {name: value}, ValueError, f"{name} must be at least {lowest}"
        for value in (2**70, (1, 2**63), (2**64, 1)):
            yield {name: value}, ValueError, f"{name} must be at most 2147483647"


def _rows() -> Iterator[Any]:
    """The arguments of the test, for each row of each spec."""
    for spec in SPECS.values():
        for bad in (*_arrays(spec), *_windows(spec), *spec.bad):
            values = [
                f"{name}={value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray)
                else f"{name}={re.sub(' at 0x[0-9a-f]+', '', repr(value)):.30}"
                for name, value in bad[0].items()
            ]  # fmt: skip
            yield pytest.param(spec, *bad, id="-".join([spec.function, *values]))


def _copies(spec: Spec, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with copies of those that the kernel changes in place."""
    return {**arguments, **{name: arguments[name].copy() for name in spec.in_place}}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("isa", IMPLEMENTATIONS)
def test_good_arguments_are_taken(isa: str, spec: Spec) -> None:
    with runtime.use_isa(isa):
        spec.kernel(**_copies(spec, spec.good))


@pytest.mark.parametrize(("spec", "bad", "error", "text"), tuple(_rows()))
def test_bad_argument_is_named(
    spec: Spec, bad: dict[str, Any], error: type[Exception], text: str
) -> None:
    """The message is the same on all implementations, and no argument is changed."""
    arguments = {**spec.good, **bad}
    before = {name: np.copy(arguments[name]) for name in spec.in_place}
    messages = set()
    for isa in IMPLEMENTATIONS:
        with runtime.use_isa(isa), pytest.raises(error) as raised:
            spec.kernel(**arguments)
        assert raised.type is error
        assert str(raised.value).startswith(f"{spec.function}: ")
        assert text in str(raised.value)
        messages.add(str(raised.value))
        for name, x in before.items():
            np.testing.assert_array_equal(arguments[name], x)
    assert len(messages) == 1


@pytest.mark.parametrize("bad", range(6))
def test_bad_index_is_found_in_every_plane(impl: str, threads: int, bad: int) -> None:
    indices = np.full((2, 3, 30, 30), 1599)
    grad_output = np.ones(indices.shape)
    kernels.max_pool2d_backward(grad_output, indices, (2, 3, 40, 40))
    indices.reshape(6, -1)[bad, 7 * bad] = 1600
    with pytest.raises(ValueError, match=r"got 1600 and 1600"):
        kernels.max_pool2d_backward(grad_output, indices, (2, 3, 40, 40))


@pytest.mark.parametrize("bad", [0, 1, 4999, 9998, 9999])
def test_bad_target_is_found_in_every_row(impl: str, threads: int, bad: int) -> None:
    logits, target = np.zeros((10_000, 3), np.float32), np.zeros(10_000, int)
    target[bad] = 3
    with pytest.raises(ValueError, match=r"cross_entropy: target .* \(got 3 and 3\)"):
        kernels.cross_entropy(logits, target)
    ones = np.ones(10_000, np.float32)
    with pytest.raises(ValueError, match=r"cross_entropy_backward: target .* \(got 3 and 3\)"):
        kernels.cross_entropy_backward(ones, logits, target, ones)
