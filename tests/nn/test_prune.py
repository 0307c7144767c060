"""Pruned parameters: masks, repeated pruning, removal, and the same choices as PyTorch."""

import warnings

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.nn.utils import prune

WEIGHT = np.random.default_rng(0).permutation(24).reshape(4, 3, 2) - 11.25


def layer(package=nn, tensor=cnet.tensor, dtype="float32"):
    conv = package.Conv1d(3, 4, 2)
    conv.load_state_dict({"weight": tensor(WEIGHT), "bias": tensor(np.arange(4.0))})
    return conv.to(tensor(np.zeros(1, dtype)).dtype)


def zeros(tensor):
    return int((tensor == 0).sum())


def test_a_pruned_weight_is_computed_from_the_original_and_the_mask():
    conv = layer()
    original = conv.weight
    assert prune.l1_unstructured(conv, "weight", amount=0.25) is conv
    assert [name for name, _ in conv.named_parameters()] == ["bias", "weight_orig"]
    assert list(conv.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    assert conv.weight_orig is original
    assert zeros(conv.weight) == zeros(conv.weight_mask) == 6
    assert prune.is_pruned(nn.Sequential(nn.ReLU(), conv))
    conv(cnet.ones(1, 3, 5)).sum().backward()
    assert zeros(conv.weight_orig.grad) >= 6
    assert conv.weight_orig.grad[conv.weight_mask == 0].tolist() == [0.0] * 6
    with cnet.no_grad():
        conv.weight_orig.mul_(2)
    conv(cnet.ones(1, 3, 5))
    np.testing.assert_array_equal(
        conv.weight.detach(), (conv.weight_orig * conv.weight_mask).detach()
    )


def test_removal_keeps_the_parameter():
    conv = prune.l1_unstructured(layer(), "weight", 5)
    original, pruned = conv.weight_orig, conv.weight.detach().clone()
    assert prune.remove(conv, "weight") is conv
    assert conv.weight is original
    assert list(conv.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(conv.weight.detach(), pruned)
    assert not prune.is_pruned(conv)
    with pytest.raises(ValueError, match="remove: weight of Conv1d is not pruned"):
        prune.remove(conv, "weight")


def test_random_slices():
    conv = prune.random_structured(layer(), "weight", 0.5, dim=0)
    assert sorted(conv.weight_mask.sum((1, 2)).tolist()) == [0, 0, 6, 6]
    prune.random_structured(conv, "weight", 1, dim=0)
    assert sorted(conv.weight_mask.sum((1, 2)).tolist()) == [0, 0, 0, 6]


ERRORS = {
    "amount must be a number": (TypeError, lambda m: prune.l1_unstructured(m, "weight", "x")),
    "fraction from 0 to 1": (ValueError, lambda m: prune.l1_unstructured(m, "weight", 1.5)),
    "integer from 0": (ValueError, lambda m: prune.random_unstructured(m, "weight", -1)),
    r"at most the size \(got 25 and 24\)": (
        ValueError, lambda m: prune.l1_unstructured(m, "weight", 25)
    ),
    "at least two axes": (ValueError, lambda m: prune.ln_structured(m, "bias", 1, 2, 0)),
    "dim must be an axis": (IndexError, lambda m: prune.ln_structured(m, "weight", 1, 2, 3)),
    r"shape of the parameter \(got \(4,\) and \(4, 3, 2\)\)": (
        ValueError, lambda m: prune.custom_from_mask(m, "weight", cnet.ones(4))
    ),
    "importance_scores must have the shape of weight": (
        ValueError,
        lambda m: prune.l1_unstructured(m, "weight", 1, importance_scores=cnet.ones(4)),
    ),
    "importance_scores must be a dict": (
        TypeError,
        lambda m: prune.global_unstructured(
            [(m, "weight")], prune.L1Unstructured, importance_scores=3, amount=1
        ),
    ),
    "must be unstructured": (
        TypeError,
        lambda m: prune.global_unstructured([(m, "weight")], prune.RandomStructured, amount=1),
    ),
    "must be a BasePruningMethod": (TypeError, lambda m: prune.PruningContainer(3)),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors_change_nothing(message):
    kind, call = ERRORS[message]
    conv = layer()
    with pytest.raises(kind, match=message):
        call(conv)
    assert list(conv.state_dict()) == ["weight", "bias"]
    assert not prune.is_pruned(conv)


# The same choices as PyTorch

PRUNINGS = {
    "fraction": lambda p, m, t: p.l1_unstructured(m, "weight", 0.3),
    "number": lambda p, m, t: p.l1_unstructured(m, "weight", 7),
    "none": lambda p, m, t: p.l1_unstructured(m, "weight", 0),
    "all": lambda p, m, t: p.l1_unstructured(m, "weight", 1.0),
    "scores": lambda p, m, t: p.l1_unstructured(m, "weight", 5, t(WEIGHT.T.reshape(4, 3, 2))),
    "identity": lambda p, m, t: p.identity(m, "weight"),
    "mask": lambda p, m, t: p.custom_from_mask(m, "weight", t((WEIGHT > 3).astype("int64"))),
    "filters": lambda p, m, t: p.ln_structured(m, "weight", 0.5, 2, 0),
    "columns": lambda p, m, t: p.ln_structured(m, "weight", 1, 1, -1),
    "largest": lambda p, m, t: p.ln_structured(m, "weight", 2, float("inf"), 1),
    "twice": lambda p, m, t: [p.l1_unstructured(m, "weight", 0.25) for _ in range(2)],
    "slices that are left": lambda p, m, t: [
        p.ln_structured(m, "weight", n, 2, 0) for n in (1, 0.5)
    ],
    "elements, then filters": lambda p, m, t: [
        p.l1_unstructured(m, "weight", 0.5), p.ln_structured(m, "weight", 1, 2, 0),
        p.l1_unstructured(m, "weight", 0.5),
    ],
    "global": lambda p, m, t: p.global_unstructured(
        [(m, "weight"), (m, "bias")], p.L1Unstructured, amount=0.4
    ),
    "global, twice": lambda p, m, t: [
        p.global_unstructured([(m, "weight"), (m, "bias")], p.L1Unstructured, amount=6)
        for _ in range(2)
    ],
    "global by scores": lambda p, m, t: p.global_unstructured(
        [(m, "weight"), (m, "bias")], p.L1Unstructured, {(m, "bias"): t(np.full(4, 99.0))},
        amount=9,
    ),
    "removed": lambda p, m, t: p.remove(p.l1_unstructured(m, "weight", 0.3), "weight"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PRUNINGS)
def test_the_same_choices_as_pytorch(name, dtype):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    from torch.nn.utils import prune as theirs

    states = []
    for package, tensor, module in (
        (nn, cnet.tensor, prune),
        (torch.nn, torch.tensor, theirs),
    ):
        conv = layer(package, tensor, dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            PRUNINGS[name](module, conv, tensor)
        conv(tensor(np.ones((1, 3, 4), dtype))).sum().backward()
        gradients = {f"grad {n}": p.grad for n, p in conv.named_parameters()}
        states.append({**conv.state_dict(), **gradients, "weight": conv.weight.detach()})
    mine, other = states
    assert list(mine) == list(other)
    for key, value in other.items():
        assert str(value.dtype) == f"torch.{mine[key].dtype}", key
        np.testing.assert_array_equal(mine[key].numpy(), value.numpy(), err_msg=key)
