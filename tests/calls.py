"""Run and check a call of a spec, on one implementation or on all of them.

The arrays of each call, and the results that kernels allocate with `_memory.empty`, end before an
unmapped page or begin after one. Results are filled with a pattern, so that unwritten elements are
found.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

import numpy as np
import pytest

import guarded
from cnet import kernels, runtime
from cnet.kernels import _memory
from conftest import THREADS
from oracle import reference
from specs import SPECS
from specs.spec import Arrays, Call, doubles, map_arrays
from tolerance import assert_exact

COMPILED = runtime.available_isas()[1:]


@contextmanager
def note(text: str) -> Iterator[None]:
    """Add to a failure inside a loop where it happened."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def expected_of(call: Call) -> Arrays:
    """The results of the reference, in float64 unless all results are exact."""
    exact = set(call.terms) == {None}
    arrays = map_arrays(np.copy if exact else doubles, call.arrays)
    return SPECS[call.function].outputs(reference, call, arrays)


def guarded_arguments(call: Call, place: str) -> Arrays:
    """Copies of the arrays of a call."""
    return map_arrays(lambda x: guarded.copy(x, place), call.arrays)


def run(call: Call, place: str, arrays: Arrays | None = None) -> Arrays:
    """Run a kernel, check everything except the values, and return its outputs.

    `arrays` are copies of the arguments from an earlier call, if the kernel does not change them.
    """
    spec = SPECS[call.function]
    if arrays is None:
        arrays = guarded_arguments(call, place)
    allocate = guarded.Allocator(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_memory, "empty", allocate)
        outputs = spec.outputs(kernels, call, arrays)
    assert allocate.intact(), "written beside a result"
    for i, (x, before) in enumerate(zip(arrays, call.arrays, strict=True)):
        if x is not None and i not in spec.updated:
            assert x.tobytes() == before.tobytes(), f"argument {i} was changed"
            assert not any(np.shares_memory(x, y) for y in outputs), f"argument {i} was returned"
    for y in outputs:
        assert spec.updated or runtime.reference_is_active() or allocate.gave(y)
        assert type(y) is np.ndarray
        assert y.flags.c_contiguous
        assert y.flags.writeable
        assert y.flags.aligned
    return outputs


def check(
    call: Call,
    isas: Sequence[str] = runtime.available_isas(),
    threads: Sequence[int] = THREADS,
) -> None:
    """Check values to the tolerance of the call, and equal bits for every number of threads."""
    spec = SPECS[call.function]
    expected = expected_of(call)
    exact = set(call.terms) == {None}
    scales = (None,) * len(expected) if exact else spec.scales(call, expected)
    arguments = {
        place: None if spec.updated else guarded_arguments(call, place) for place in guarded.PLACES
    }
    for isa in isas:
        first = None
        counts = threads[:1] if isa == "reference" else threads
        for count, place in zip(counts, cycle(guarded.PLACES)):
            where = f"{call.function}, {call.arrays[0].dtype}, {isa}, {count} threads, {place}"
            with note(where), runtime.use_isa(isa), runtime.use_threads(count):
                outputs = run(call, place, arguments[place])
                if first is None:
                    spec.agree(outputs, expected, call, scales)
                    first = outputs
                for y, one in zip(outputs, first, strict=True):
                    assert_exact(y, one)
