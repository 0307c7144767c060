"""The argument `out`: every function that declares it writes into it."""

import inspect

import numpy as np
import pytest

import cnet
from cnet import _explained, tensor
from cnet.operations._out import declares_out

X = tensor([[3.0, 1.0, 2.0], [0.5, 4.0, 0.25]])
SQUARE = tensor([[4.0, 1.0], [1.0, 3.0]])


@pytest.mark.parametrize("module", [cnet, cnet.functional, cnet.linalg], ids=str)
def test_no_function_ignores_it(module):
    functions = [item for item in vars(module).values() if inspect.isfunction(item)]
    declared = [function for function in functions if declares_out(function)]
    assert len(declared) > (0 if module is cnet.functional else 10)
    for function in declared:
        while function.__code__.co_filename == _explained.__file__:
            function = function.__wrapped__
        handled = "out" in inspect.signature(function, follow_wrapped=False).parameters
        assert handled, f"{function.__name__}: missing @operation()"


CALLS = {
    "sum": lambda out: cnet.sum(X, 0, out=out),
    "mean": lambda out: cnet.mean(X, 1, True, out=out),
    "argmax": lambda out: cnet.argmax(X, 1, out=out),
    "matmul": lambda out: cnet.matmul(X, X.T, out=out),
    "cumsum": lambda out: cnet.cumsum(X, 1, out=out),
    "gather": lambda out: cnet.gather(X, 1, tensor([[0], [2]]), out=out),
    "index_select": lambda out: cnet.index_select(X, 1, tensor([2, 0]), out=out),
    "norm": lambda out: cnet.norm(X, dim=1, out=out),
    "tril": lambda out: cnet.tril(X, out=out),
    "nonzero": lambda out: cnet.nonzero(X > 1, out=out),
    "masked_select": lambda out: cnet.masked_select(X, X > 1, out=out),
    "tensordot": lambda out: cnet.tensordot(X, X.T, 1, out=out),
    "max": lambda out: cnet.max(X, 1, out=out),
    "min of two": lambda out: cnet.min(X, X - 1, out=out),
    "max of all": lambda out: cnet.max(X, out=out),
    "sort": lambda out: cnet.sort(X, 1, out=out),
    "topk": lambda out: cnet.topk(X, 2, out=out),
    "isin": lambda out: cnet.isin(X, tensor([1.0, 2.0]), out=out),
    "bucketize": lambda out: cnet.bucketize(X, tensor([1.0, 2.0]), out=out),
    "linalg.inv": lambda out: cnet.linalg.inv(SQUARE, out=out),
    "linalg.norm": lambda out: cnet.linalg.norm(SQUARE, out=out),
    "linalg.svd": lambda out: cnet.linalg.svd(SQUARE, out=out),
    "linalg.slogdet": lambda out: cnet.linalg.slogdet(SQUARE, out=out),
    "normalize": lambda out: cnet.functional.normalize(X, out=out),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_are_written(name):
    expected = CALLS[name](None)
    several = isinstance(expected, tuple)
    parts = expected if several else (expected,)
    for make in (cnet.zeros_like, lambda part: cnet.empty(0, dtype=part.dtype)):
        outs = tuple(map(make, parts))
        result = CALLS[name](outs if several else outs[0])
        assert type(result) is type(expected)
        for own, out, part in zip(result if several else (result,), outs, parts, strict=True):
            assert own is out
            np.testing.assert_array_equal(out, part)
            assert out.dtype == part.dtype


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cnet.sort(X, out=X), TypeError, "sort: out must be a tuple of 2 tensors"),
        (lambda: cnet.sum(X, out=np.zeros(())), TypeError, "sum: out must be a Tensor"),
        (lambda: cnet.sum(X, 0, out=cnet.zeros(2)), ValueError, r"got \(2,\) and \(3,\)"),
        (lambda: cnet.std(X, out=cnet.zeros((), dtype=int)), RuntimeError, "can't be cast"),
        (
            lambda: cnet.sum(X, 0, out=cnet.zeros(1).expand(3)),
            RuntimeError, "sum: unsupported operation: elements of out share memory",
        ),
        (
            lambda: cnet.sum(cnet.ones(2, requires_grad=True), out=cnet.zeros(())),
            RuntimeError, "sum: .* don't support automatic differentiation",
        ),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: cnet.cat([x, x], out=x),
        lambda x: cnet.cat([x, empty := cnet.zeros(0)], out=empty),
        lambda x: cnet.take(x, cnet.tensor([0, 1]), out=x[1:]),
        lambda x: cnet.gather(x, 0, cnet.tensor([0, 1]), out=x[1:]),
    ],
)
def test_out_of_functions_that_move_elements_is_separate(call):
    with pytest.raises(RuntimeError, match="out shares memory with another argument"):
        call(cnet.zeros(3))


def test_out_of_gather_has_the_same_dtype():
    x, index = cnet.zeros(3), cnet.tensor([0, 1])
    with pytest.raises(RuntimeError, match=r"out.dtype must equal .* .got float64 and float32."):
        cnet.gather(x, 0, index, out=cnet.zeros(2, dtype=cnet.float64))


@pytest.mark.parametrize("call", [cnet.sum, cnet.prod, cnet.cumsum, cnet.cumprod, cnet.mean])
def test_sums_are_in_the_dtype_of_out(call):
    x = tensor([1.6, 1e8, 1.0, 1.0])
    expected = call(x, 0, dtype=cnet.float64)
    out = cnet.zeros_like(expected)
    np.testing.assert_array_equal(call(x, 0, out=out), expected)
    np.testing.assert_array_equal(call(input=x, axis=0, out=out), expected)


def test_sums_of_floats_fit_into_integers():
    x = tensor([1.6, 2.7, -0.5])
    out = cnet.zeros((), dtype=cnet.int32)
    assert cnet.sum(x, 0, out=out).item() == 3
    narrow = cnet.zeros((), dtype=cnet.float32)
    assert cnet.sum(x, 0, False, None, out=narrow).item() == pytest.approx(3.8)
    with pytest.raises(RuntimeError, match="mean: result type float32 can't be cast"):
        cnet.mean(x, 0, out=out)
