"""Arrays of every layout in memory give the result of a contiguous array."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnet import kernels
from specs import SPECS
from specs.spec import Spec, map_arrays
from tolerance import assert_bounded, assert_exact


def _misaligned(x: np.ndarray) -> np.ndarray:
    y = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


def _read_only(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y.flags.writeable = False
    return y


def _swapped(x: np.ndarray) -> np.ndarray:
    return x.astype(x.dtype.newbyteorder())


def _every_other(x: np.ndarray) -> np.ndarray:
    return np.repeat(x, 2, axis=-1)[..., ::2]


def _backwards(x: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(x).copy())


class _Subclass(np.ndarray):
    pass


def _subclass(x: np.ndarray) -> np.ndarray:
    return x.view(_Subclass)


LAYOUTS = (
    np.asfortranarray, _every_other, _backwards, _read_only, _swapped, _misaligned, _subclass,
)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_layout_of_inputs_does_not_matter(
    impl: str, dtype: Any, spec: Spec, layout: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Identical results, or equal up to rounding if the kernel reads arrays with any strides."""
    call = spec.call(spec.typical, dtype)
    expected = spec.run(call)
    scales = spec.scales(call, expected) if spec.keeps_strides else ()
    kept = spec.updated
    arrays = tuple(x.copy() if i in kept else layout(x) for i, x in enumerate(call.arrays))
    copies = map_arrays(np.copy, arrays)
    outputs = spec.outputs(kernels, call, arrays)
    for i, (y, wanted) in enumerate(zip(outputs, expected, strict=True)):
        assert type(y) is np.ndarray
        assert y.dtype == wanted.dtype
        assert y.dtype.isnative
        if spec.keeps_strides:
            assert_bounded(y, wanted, call.terms[i], scales[i])
        else:
            assert_exact(y, wanted)
    for i, (x, before) in enumerate(zip(arrays, copies, strict=True)):
        assert i in kept or x.tobytes() == before.tobytes()
