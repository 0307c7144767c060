"""cnet.testing: comparisons and random tensors, as PyTorch makes them."""

import numpy as np
import pytest

import cnet
from cnet.testing import assert_allclose, assert_close, make_tensor

NAN = float("nan")


def t(*values, dtype=cnet.float32):
    return cnet.tensor(values, dtype=dtype)


CLOSE = [
    (t(1, 2), t(1, 2 + 1e-6), {}),
    (t(1, 2, dtype=cnet.float64), t(1, 2 + 1e-8, dtype=cnet.float64), {}),
    (t(1, 2), t(1, 2.1), {"rtol": 0.1, "atol": 0}),
    (t(1, 2, dtype=cnet.int64), t(1, 2), {"check_dtype": False}),
    (t(NAN, 1), t(NAN, 1), {"equal_nan": True}),
    (t(np.inf, -np.inf), t(np.inf, -np.inf), {}),
    (t(), t(), {}),
    ([1, (2.0, t(1))], (1, [2.0, t(1)]), {}),
    ({"a": t(1), "b": None}, {"b": None, "a": t(1)}, {}),
    (np.ones(2), np.ones(2), {}),
    (np.ones(2, np.float32), t(1, 1), {}),
]
FAR = [
    (t(1, 2), t(1, 3), {}, "Mismatched elements: 1 / 2 (50.0%)\nGreatest absolute difference: 1.0 "
     "at index (1,) (up to 1e-05 allowed)"),
    (t(1, 2), t(1, 2, dtype=cnet.float64), {}, "'dtype' do not match: float32 != float64"),
    (t(1, 2), t(1), {}, "'shape' do not match: (2,) != (1,)"),
    (t(NAN), t(NAN), {}, "The values are not close"),
    (t(np.inf), t(1), {"rtol": 1, "atol": 1}, "The values are not close"),
    (t(1), t(np.inf), {"rtol": 1, "atol": 1}, "The values are not close"),
    (t(1, dtype=cnet.int64), t(2, dtype=cnet.int64), {}, "The values are not equal"),
    (t(2**62, dtype=cnet.int64), t(2**62 + 1, dtype=cnet.int64), {}, "The values are not equal"),
    (t(True, dtype=cnet.bool), t(False, dtype=cnet.bool), {}, "The values are not equal"),
    (1.0, 1.1, {}, "Greatest absolute difference"),
    ([t(1)], [t(1), t(2)], {}, "The lengths do not match: 1 != 2"),
    ({"a": 1}, {"b": 1}, {}, "The keys do not match: ['a'] != ['b']"),
    ({"a": [t(1)]}, {"a": [t(0)]}, {}, "The failure occurred for item ['a'][0]"),
    (None, 1, {}, "None mismatch"),
    (t(1), t(2), {"msg": "mine"}, "mine"),
    (t(1), t(2), {"msg": lambda text: f"mine: {text}"}, "mine: The values"),
    (t(1, 2)[::2], t(1), {"check_stride": True}, "'strides' do not match"),
]  # fmt: skip


@pytest.mark.parametrize(("actual", "expected", "options"), CLOSE)
def test_close_values(actual, expected, options):
    assert_close(actual, expected, **options)


@pytest.mark.parametrize(("actual", "expected", "options", "message"), FAR)
def test_values_that_differ(actual, expected, options, message):
    with pytest.raises(AssertionError) as error:
        assert_close(actual, expected, **options)
    assert message in str(error.value)


def test_what_cannot_be_compared():
    with pytest.raises(TypeError, match=r"actual and expected\[0\] must be tensors.* str and str"):
        assert_close(["a"], ["a"])
    with pytest.raises(TypeError, match="got Tensor and ndarray"):
        assert_close(t(1), np.ones(1, np.float32), allow_subclasses=False)
    with pytest.raises(ValueError, match=r"both be omitted \(got no atol\)"):
        assert_close(1, 1, rtol=1.0)


def test_the_older_name():
    assert_allclose(t(1, NAN), [1.0, NAN])
    with pytest.raises(AssertionError, match="mine"):
        assert_allclose(t(1), [2], msg="mine")


def test_the_verdict_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for dtype in (np.float16, np.float32, np.float64):
        for size in (1e-8, 1e-6, 3e-5, 1e-3):
            x = rng.normal(size=20).astype(dtype)
            y = (x * (1 + rng.uniform(0, size, 20))).astype(dtype)
            verdicts = []
            for module in (cnet, torch):
                try:
                    module.testing.assert_close(module.from_numpy(x), module.from_numpy(y))
                    verdicts.append(True)
                except AssertionError:
                    verdicts.append(False)
            assert verdicts[0] == verdicts[1], (dtype, size)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("float32", -9, 9), ("float64", -9, 9), ("int64", -9, 10), ("int8", -9, 10),
     ("uint8", 0, 10), ("bool", 0, 2)],
)  # fmt: skip
def test_random_tensors(dtype, low, high):
    x = make_tensor((40, 50), dtype=getattr(cnet, dtype), noncontiguous=True)
    assert (x.shape, x.dtype) == ((40, 50), np.dtype(dtype))
    assert not x.is_contiguous()
    values = np.asarray(x, np.float64)
    assert low <= values.min() < low + 1
    assert high - 1.01 <= values.max() < high
    y = make_tensor(9, 9, dtype=getattr(cnet, dtype), low=0, high=1 + (dtype == "bool"),
                    exclude_zero=True)  # fmt: skip
    assert (np.asarray(y) != 0).all()
    assert make_tensor(dtype=getattr(cnet, dtype)).shape == ()
    assert make_tensor(0, dtype=getattr(cnet, dtype), noncontiguous=True).shape == (0,)


def test_random_tensors_from_bad_arguments():
    assert make_tensor(2, dtype=cnet.float32, requires_grad=True).requires_grad
    with pytest.raises(ValueError, match=r"low must be less than high \(got 3 and 2\)"):
        make_tensor(2, dtype=cnet.float32, low=3, high=2)
    with pytest.raises(ValueError, match="must be float"):
        make_tensor(2, dtype=cnet.int64, requires_grad=True)
    with pytest.raises(RuntimeError, match="make_tensor"):
        make_tensor(2, dtype=cnet.float32, device="cuda")
