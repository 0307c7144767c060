"""The entry of the compiled module for kernels: accepted and rejected arguments."""

from typing import Any

import numpy as np
import pytest

from cnet import _core, geometry

X = np.ones((1, 1, 3, 3), np.float32)
W = np.ones((1, 1, 2, 2), np.float32)
G = geometry.conv("test", X.shape, W.shape).sizes2d
AUTO = _core.algorithms["auto"]


def test_kernels_have_names_of_arguments() -> None:
    assert _core.kernels["copy"] == ("x", "y")
    assert _core.kernels["conv2d"] == ("x", "weight", "bias", "y", "g", "algorithm")
    for name, arguments in _core.kernels.items():
        assert len(set(arguments)) == len(arguments), name
        assert 0 < _core.arrays[name] <= len(arguments)


def test_a_call_fills_the_result() -> None:
    x, y = np.array([-1.0, 2.0]), np.empty(2)
    assert _core.call("copy", x, y) == 0
    assert y.tolist() == [-1, 2]


def test_invalid_indices_are_counted() -> None:
    dx = np.empty((1, 1, 2, 2), np.float32)
    g = 1, 1, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 3
    indices = np.array([0, 7, -5], np.int32)
    dy = np.ones(3, np.float32)
    assert _core.call("max_pool2d_backward", dy, indices, dx, g) == 2
    assert dx.ravel().tolist() == [1, 0, 0, 0]


def test_plain_arrays():
    x = np.zeros((2, 3), np.float32)
    read_only = x.copy()
    read_only.flags.writeable = False
    assert _core.is_plain(x)
    assert _core.is_plain(x, 2)
    assert _core.fits(x, x.dtype, (2, 3))
    assert not _core.is_plain(x, 1)
    assert not any(_core.fits(x, x.dtype, shape) for shape in ((3, 2), (2,), (2, 3, 1)))
    assert not _core.fits(x, np.dtype(np.float64), (2, 3))
    others = x.T, x[:, ::2], x.astype(">f4"), x.astype(np.float16), read_only, x.tolist(), None
    for other in others:
        assert not _core.is_plain(other)
        assert not _core.fits(other, x.dtype, np.shape(other))


@pytest.mark.parametrize("name", sorted(_core.kernels))
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_a_wrong_number_of_arguments(name: str, count: int) -> None:
    count += count == len(_core.kernels[name])
    with pytest.raises(TypeError, match=rf"{name} takes \d+ arguments \(got {count}\)"):
        _core.call(name, *[X] * count)


@pytest.mark.parametrize("wrong", ["x", 1, 2.5, X, X.astype(np.float16), (1, 2), object()])
@pytest.mark.parametrize("name", sorted(_core.kernels))
def test_arguments_of_a_wrong_type(name: str, wrong: Any) -> None:
    count = len(_core.kernels[name])
    with pytest.raises(TypeError):
        _core.call(name, *[wrong] * (count - 1), "one that never fits")


@pytest.mark.parametrize("name", ["", "kernel", b"copy", 0, None])
def test_there_is_no_such_kernel(name: Any) -> None:
    with pytest.raises(ValueError, match="there is no kernel"):
        _core.call(name, X, X)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((None, X), "takes float32 and float64"),
        ((X.astype(np.int64), X), "takes float32 and float64"),
        ((X, X.astype(np.float64)), "y is no array of the right dtype"),
        ((X, [1.0]), "y is no array of the right dtype"),
    ],
)
def test_arrays_of_other_dtypes(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        _core.call("copy", *values)


@pytest.mark.parametrize("g", [G[:-1], (*G, 1), list(G), None, (*G[:-1], "1")])
def test_geometry_is_a_tuple_of_all_sizes(g: Any) -> None:
    with pytest.raises(TypeError):
        _core.call("conv2d", X, W, None, np.empty((1, 1, 2, 2), np.float32), g, AUTO)


def test_what_an_algorithm_cannot_compute() -> None:
    y = np.empty((1, 1, 2, 2), np.float32)
    winograd = _core.algorithms["winograd"]
    with pytest.raises(_core.Unsuitable, match="conv2d"):
        _core.call("conv2d", X, W, None, y, G, winograd)
    query: tuple[Any, ...] = "conv2d", None, None, None, None, G
    assert _core.choose(X.dtype.num, *query, winograd) is None
    assert _core.choose(X.dtype.num, *query, _core.algorithms["direct"]) == (
        _core.algorithms["direct"], -1, -1,
    )  # fmt: skip


def test_only_passes_with_a_result_are_chosen() -> None:
    query: tuple[Any, ...] = "conv2d_backward", None, None, None
    forward, dx, dw = _core.choose(X.dtype.num, *query, X, None, None, G, AUTO) or ()
    assert forward == dw == -1
    assert dx >= 0
