"""Every kernel, on every implementation and thread count, against the reference."""

import inspect
from typing import Any

import numpy as np
import pytest

import guarded
from calls import check, run
from cnet import kernels
from conftest import DTYPES
from specs import SPECS
from specs.spec import Case, Spec
from tolerance import assert_exact

QUESTIONS = {"conv2d_algorithm", "conv2d_choice"}
"""Public functions that are not kernels."""
PAIRS = [
    pytest.param(spec, case, id=f"{spec.function}-{case.id}")
    for spec in SPECS.values()
    for case in spec.cases
]
every_kernel = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def test_every_public_kernel_has_a_spec() -> None:
    public = {name for name, f in vars(kernels).items() if inspect.isfunction(f)}
    assert public == set(kernels.__all__)
    assert set(SPECS) == public - QUESTIONS


@every_kernel
def test_a_spec_fits_its_kernel(spec: Spec) -> None:
    """The names are parameters of the kernel, and no case is listed twice."""
    assert {*spec.good, *spec.in_place, *spec.any_rank} <= set(spec.parameters)
    ids = [case.id for case in spec.cases]
    assert len(set(ids)) == len(ids) > 0
    for case in (spec.typical, *spec.large):
        assert spec.call(case, np.float32).function == spec.function


def test_there_are_many_cases() -> None:
    assert len(SPECS["conv2d"].cases) >= 320
    assert len(SPECS["max_pool2d"].cases) >= 100


@pytest.mark.parametrize(("spec", "case"), PAIRS)
def test_agrees_with_reference(spec: Spec, case: Case) -> None:
    """Cases with work for more threads are in `test_threads`."""
    for dtype in DTYPES:
        check(spec.call(case, dtype), threads=(1, 3))


@every_kernel
def test_repeats_to_the_bit(impl: str, dtype: Any, threads: int, spec: Spec) -> None:
    """The same call twice, with results at other addresses, gives the same bits."""
    call = spec.call(spec.typical, dtype)
    for y, again in zip(*(run(call, place) for place in guarded.PLACES), strict=True):
        assert_exact(y, again)
