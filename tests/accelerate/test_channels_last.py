"""Learned convolutions of images with channels last: the same numbers as with channels first."""

from typing import Any

import numpy as np
import pytest

from cnet.accelerate.explain.convolution import Convolution
from cnet.accelerate.explain.forms import Form
from cnet.accelerate.explain.windows import Plane

PLANE = Plane((1, 1), ((1, 1), (1, 1)), (1, 1))
SIZES: Any = {"n": 2, "h": 5, "w": 6, "i": 8, "o": 16}


def form(letters: str, channels: str, target: str) -> Form:
    sizes = tuple(3 if target == "oihw" and a in "hw" else SIZES[a] for a in
                  letters.replace("c", channels))  # fmt: skip
    return Form(letters, sizes, target)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("result", ["y", "dx", "dw"])
@pytest.mark.parametrize("bias", ["", "channels", "cells", "one"])
@pytest.mark.parametrize("letters", ["nhwc", "hwc"])
@pytest.mark.parametrize("filters", ["hwio", "ohwi"])
def test_channels_last(dtype: Any, result: str, bias: str, letters: str, filters: str) -> None:
    forms = (form(letters, "i", "nchw"), form(filters, "", "oihw"), form(letters, "o", "nchw"))
    operation = Convolution(
        result, *forms, PLANE, activation="relu" if bias == "one" and result != "dw" else ""
    )
    first, second = {"y": (0, 1), "dx": (2, 1), "dw": (2, 0)}[result]
    rng = np.random.default_rng(0)
    own = operation.own_form
    count = {"channels": own.full[1], "one": 1, "cells": own.full[1] * own.full[2] * own.full[3]}
    arrays = [rng.standard_normal(forms[i].sizes).astype(dtype) for i in (first, second)]
    if bias and result != "dw":
        arrays.append(rng.standard_normal(count[bias]).astype(dtype))
    last = operation._last
    assert last is not None
    last.dtypes = [np.dtype(dtype)]
    got = operation(*arrays)
    last.dtypes = []
    expected = operation(*arrays)
    assert got.shape == expected.shape
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 if dtype is np.float32 else 1e-12)
