"""`Spec`: the description of one kernel for all tests.

The tests of values, errors, layouts, guarded memory, threads and fork need only the spec of a
kernel. So a new kernel with a spec is tested by all of them.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from cnet import kernels
from oracle import reference
from tolerance import assert_bounded, assert_exact, assert_winograd

Shape = tuple[int, ...]
Size = int | tuple[int, int]
Arrays = tuple[np.ndarray, ...]


class Call(NamedTuple):
    """One call of one kernel: the arrays by position, then the options by name.

    `terms` has one entry for each result: the number of terms summed for each of its elements, or
    None if the result is exact. `winograd` means that Winograd's algorithm computes the results, so
    that its error bound applies.
    """

    function: str
    arrays: tuple[Any, ...]
    options: dict[str, Any]
    terms: tuple[int | None, ...]
    winograd: bool = False


def _word(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).replace(" ", "_")


class Case:
    """A frozen description of a call, with a readable id and reproducible numbers.

    The numbers depend only on the case, so that a failing case can be repeated alone.
    """

    @property
    def id(self) -> str:
        """The fields that differ from the defaults: ``2x3x9x9-4x3x2x2-stride=5``."""
        words = []
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.default is MISSING or (field.name == "name" and value):
                words.append(_word(value))
            elif value != field.default:
                words.append(f"{field.name}={_word(value)}")
        return "-".join(words)

    def random(self) -> np.random.Generator:
        return np.random.default_rng(crc32(self.id.encode()))


def map_arrays(f: Callable[[np.ndarray], np.ndarray], arrays: Iterable[Any]) -> tuple[Any, ...]:
    """Apply a function to each array; None stays None."""
    return tuple(None if x is None else f(x) for x in arrays)


def doubles(x: np.ndarray) -> np.ndarray:
    """A copy, in float64 if the array holds floats."""
    return x.astype(np.float64) if x.dtype.kind == "f" else x.copy()


def magnitudes(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """The same sums over the magnitudes of all numbers, for each result."""
    arrays = map_arrays(lambda x: np.abs(doubles(x)), call.arrays)
    sums = getattr(reference, call.function)(*arrays, **call.options)
    return tuple(y for y in (sums if isinstance(sums, tuple) else (sums,)) if y is not None)


def agree(actual: Arrays, expected: Arrays, call: Call, scales: Sequence[Any]) -> None:
    """Check that every result is within the tolerance that the call states."""
    for y, wanted, k, scale in zip(actual, expected, call.terms, scales, strict=True):
        if k is None:
            assert_exact(y, wanted)
            continue
        assert y.dtype == call.arrays[0].dtype
        if call.winograd:
            assert_winograd(y, wanted, scale)
        else:
            assert_bounded(y, wanted, k, scale)


Bad = tuple[dict[str, Any], type[Exception], str]
"""Arguments that replace good ones, the expected exception, and a part of its message."""


@dataclass(frozen=True, eq=False)
class Spec:
    """One kernel.

    Attributes
    ----------
    function
        Its name in `cnet.kernels`.
    call
        Makes the call of a case, with floats of a dtype.
    cases
        Cases that are compared with the reference. Adding a case adds a test.
    typical
        A small, typical case, for tests of layouts and repetition.
    large
        Cases with work for several threads, divided along different axes. Each result has
        at least `CACHED_BYTES` in one of them.
    good
        Arguments by name that the kernel accepts.
    bad
        Invalid arguments, in addition to those of all kernels (see `test_errors`).
    in_place
        The arguments that the kernel changes in place, and no others. Such a kernel returns None.
    any_rank
        The arrays that may have more or fewer dimensions than those in `good`.
    keeps_strides
        Whether the kernel reads arrays with any strides without a copy, so that rounding depends
        on them.
    scales
        Computes the sum of magnitudes for each result, from the call and the expected results.
    agree
        Compares results with the expected ones.
    """

    function: str
    call: Callable[[Any, Any], Call]
    cases: Sequence[Case]
    typical: Case
    large: Sequence[Case]
    good: dict[str, Any]
    bad: Sequence[Bad] = ()
    in_place: Sequence[str] = ()
    any_rank: Sequence[str] = ()
    keeps_strides: bool = False
    scales: Callable[[Call, Arrays], tuple[Any, ...]] = magnitudes
    agree: Callable[[Arrays, Arrays, Call, Sequence[Any]], None] = agree

    @property
    def kernel(self) -> Callable[..., Any]:
        return getattr(kernels, self.function)

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.kernel).parameters)

    @cached_property
    def updated(self) -> tuple[int, ...]:
        """The positions of the arguments that are changed in place."""
        names = list(self.parameters)
        return tuple(names.index(name) for name in self.in_place)

    def outputs(self, module: Any, call: Call, arrays: tuple[Any, ...]) -> Arrays:
        """The results, or the updated arrays if the kernel works in place."""
        result = getattr(module, self.function)(*arrays, **call.options)
        if self.in_place:
            assert result is None
            result = tuple(arrays[i] for i in self.updated)
        results = result if isinstance(result, tuple) else (result,)
        return tuple(y for y in results if y is not None)

    def run(self, call: Call) -> Arrays:
        """The outputs for copies of the arrays."""
        return self.outputs(kernels, call, map_arrays(np.copy, call.arrays))


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def bytes_of(*shape: int, fill: int = 0) -> np.ndarray:
    return np.full(shape, fill, np.uint8)


HUGE = np.broadcast_to(np.float32(0), (1 << 15,) * 4)
"""2**60 elements: as float64, they do not fit into memory addressed by 63 bits."""
MUST_FIT = "must fit into the padded input"
NAMED_PADDING: tuple[Bad, ...] = (
    ({"padding": "full"}, ValueError, "'valid' or 'same' (got 'full')"),
    ({"padding": "same", "stride": (1, 2)}, ValueError,
     "padding='same' needs stride 1 (got (1, 2))"),
)  # fmt: skip
"""For kernels with named padding."""
