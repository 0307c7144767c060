"""Comparisons and logical operations return tensors outside the graph."""

import operator

import numpy as np
import pytest

from cnet.tensor import Tensor, tensor


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons(name):
    compare = getattr(operator, name)
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    for other in (2, 2.0, np.float64(2), np.array([2.0]), tensor([3.0, 2.0, 1.0])):
        for result, expected in [
            (compare(x, other), compare(x.detach().numpy(), np.asarray(other))),
            (compare(other, x), compare(np.asarray(other), x.detach().numpy())),
        ]:
            assert isinstance(result, Tensor)
            assert result.dtype == np.bool_
            assert not result.requires_grad
            np.testing.assert_array_equal(result, expected)


def test_masks():
    a, b = tensor([True, True, False]), tensor([True, False, False])
    assert (a & b).tolist() == [True, False, False]
    assert (a | b).tolist() == [True, True, False]
    assert (a ^ b).tolist() == [False, True, False]
    assert (~b).tolist() == [False, True, True]
    assert (a & np.array([True])).tolist() == [True, True, False]
    with pytest.raises(TypeError, match="bitwise_and"):
        a & tensor(1.0)


def test_tests_of_numpy():
    x = tensor([1.0, np.nan, np.inf], requires_grad=True)
    for test, expected in [
        (np.isnan, [False, True, False]),
        (np.isfinite, [True, False, False]),
        (np.isinf, [False, False, True]),
        (np.logical_not, [False, False, False]),
    ]:
        assert isinstance(test(x), Tensor)
        assert test(x).tolist() == expected


def test_all_and_any():
    x = tensor([[True, False], [True, True]])
    assert (x.all().item(), x.any().item()) == (False, True)
    assert x.all(axis=0).tolist() == [True, False]
    assert x.all(dim=1, keepdim=True).tolist() == [[False], [True]]
    assert (~x).any([0, 1]).item() is True
    assert (tensor([1.0, 2.0]) > 0).all()
