"""How a call of the tables is run and judged: on one implementation, or on all of them.

The arrays of each call end at an unmapped page, or begin behind one; so do the results, which the
kernels allocate with `_memory.empty`. A result that is not written everywhere shows the pattern
that it was filled with.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import numpy as np
import pytest

import guarded
from cases import Call, oracle
from cnet import kernels, runtime
from cnet.kernels import _memory
from conftest import THREADS
from tolerance import assert_bounded, assert_exact, assert_winograd

COMPILED = runtime.available_isas()[1:]
UPDATED = {"sgd_step": (0, 2), "adam_step": (0, 2, 3)}
"""The arrays that a kernel changes in place; all others are left alone."""

Arrays = tuple[np.ndarray, ...]


@contextmanager
def note(text: str) -> Iterator[None]:
    """Say where a failure inside of a loop happened."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def outputs_of(module: Any, call: Call, arrays: tuple[Any, ...]) -> Arrays:
    """The arrays that result, those updated in place for a kernel that returns none."""
    result = getattr(module, call.function)(*arrays, **call.options)
    if call.function in UPDATED:
        assert result is None
        result = tuple(arrays[i] for i in UPDATED[call.function])
    outputs = result if isinstance(result, tuple) else (result,)
    return tuple(y for y in outputs if y is not None)


def map_arrays(f: Callable[[np.ndarray], np.ndarray], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(None if x is None else f(x) for x in arrays)


def _doubles(x: np.ndarray) -> np.ndarray:
    """A copy in float64, for an oracle that is exact by comparison."""
    return x.astype(np.float64) if x.dtype.kind == "f" else x.copy()


def _expected(call: Call) -> Arrays:
    exact = None in call.terms
    return outputs_of(oracle, call, map_arrays(np.copy if exact else _doubles, call.arrays))


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """The magnitudes of what is summed, for each output: of the products, where there are such."""
    if call.function.startswith("cross_entropy"):
        logits, weight = (next(x for x in call.arrays if x.ndim == 2), call.arrays[-1])
        factor = 1 if weight is None else max(weight, default=1)
        if call.function == "cross_entropy":
            top = np.abs(logits).max(1, initial=1)
            return 2 * top * factor, top
        return (np.abs(call.arrays[0])[:, None] * factor * np.abs(logits).max(initial=1),)
    if call.function.startswith("batch_norm"):
        return _batch_norm_scales(call)
    if call.function in UPDATED:
        return tuple(1 + np.abs(y) for y in expected)
    arrays = map_arrays(lambda x: np.abs(_doubles(x)), call.arrays)
    options = {name: value for name, value in call.options.items() if name != "relu"}
    if options.get("divisor_override") is not None:
        options["divisor_override"] = abs(options["divisor_override"])
    return outputs_of(oracle, call._replace(options=options), arrays)


def _batch_norm_scales(call: Call) -> tuple[Any, ...]:
    """Differences from the mean count as sums of magnitudes."""
    arrays = map_arrays(lambda x: np.abs(_doubles(x)), call.arrays)
    axes = (0, *range(2, call.arrays[0].ndim))
    if call.function == "batch_norm_stats":
        (x,) = arrays
        mean = x.mean(axes, keepdims=True)
        return mean.ravel(), ((x + mean) ** 2).mean(axes)
    if call.function == "batch_norm":
        x, mean, var, weight, bias = arrays
        return (oracle.batch_norm(x, -mean, var, weight, bias, call.options["eps"]),)
    grad_output, x, mean, var, weight = arrays
    eps = call.options["eps"]
    normalised = oracle.batch_norm(x, -mean, var, None, None, eps)
    dw = (grad_output * normalised).sum(axes, keepdims=True)
    db = grad_output.sum(axes, keepdims=True)
    count = max(x.size // max(x.shape[1], 1), 1)
    spread = grad_output + (db + normalised * dw) / count
    dx = oracle.batch_norm(spread, 0 * mean, var, weight, None, eps)
    return dx, dw.ravel(), db.ravel()


def run(call: Call, place: str) -> Arrays:
    """The outputs of a compiled kernel, having checked all that holds whatever their values."""
    arrays = map_arrays(lambda x: guarded.copy(x, place), call.arrays)
    allocate = guarded.Allocator(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_memory, "empty", allocate)
        outputs = outputs_of(kernels, call, arrays)
    assert allocate.intact(), "written beside a result"
    updated = UPDATED.get(call.function, ())
    for i, (x, before) in enumerate(zip(arrays, call.arrays, strict=True)):
        if x is not None and i not in updated:
            assert x.tobytes() == before.tobytes(), f"argument {i} was changed"
            assert not any(np.shares_memory(x, y) for y in outputs), f"argument {i} was returned"
    for y in outputs:
        assert updated or runtime.reference_is_active() or allocate.gave(y)
        assert type(y) is np.ndarray
        assert y.flags.c_contiguous
        assert y.flags.writeable
        assert y.flags.aligned
    return outputs


def _agree(actual: Arrays, expected: Arrays, call: Call, scales: tuple[Any, ...]) -> None:
    for y, wanted, k, scale in zip(actual, expected, call.terms, scales, strict=True):
        if k is None:
            assert_exact(y, wanted)
            continue
        assert y.dtype == call.arrays[0].dtype
        if call.winograd:
            assert_winograd(y, wanted, scale)
        else:
            assert_bounded(y, wanted, k, scale)


def check(
    call: Call,
    isas: Sequence[str] = runtime.available_isas(),
    threads: Sequence[int] = THREADS,
) -> None:
    """Values to the tolerance of the family, and the same bits for every number of threads."""
    expected = _expected(call)
    exact = None in call.terms
    scales = (None,) * len(expected) if exact else _scales(call, expected)
    for isa in isas:
        first = None
        counts = threads[:1] if isa == "reference" else threads
        for count, place in zip(counts, cycle(guarded.PLACES)):
            where = f"{call.function}, {call.arrays[0].dtype}, {isa}, {count} threads, {place}"
            with note(where), runtime.use_isa(isa), runtime.use_threads(count):
                outputs = run(call, place)
                if first is None:
                    _agree(outputs, expected, call, scales)
                    first = outputs
                for y, one in zip(outputs, first, strict=True):
                    assert_exact(y, one)
