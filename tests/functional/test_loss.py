"""Losses: gradients, reductions, corner cases and errors; values also in test_torch_parity."""

from functools import partial

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((4, 3))
CLASSES = np.array([0, 2, 1, 2])
WEIGHT = np.array([0.5, 2.0, 1.0])
REDUCTIONS = ["mean", "sum", "none"]


def probabilities(*shape):
    p = RNG.random(shape)
    return p / p.sum(1, keepdims=True)


def expected_losses(weight=None, label_smoothing=0.0):
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(1, keepdims=True))
    q = np.eye(3)[CLASSES] * (1 - label_smoothing) + label_smoothing / 3
    return -(q * (1 if weight is None else weight) * log_p).sum(1)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy(weight, label_smoothing):
    losses = expected_losses(weight, label_smoothing)
    counted = len(CLASSES) if weight is None else weight[CLASSES].sum()
    options = {"weight": weight, "label_smoothing": label_smoothing}
    for reduction, expected in zip(
        REDUCTIONS, [losses.sum() / counted, losses.sum(), losses], strict=True
    ):
        options["reduction"] = reduction
        np.testing.assert_allclose(
            F.cross_entropy(LOGITS, CLASSES, **options), expected, rtol=1e-12
        )
        assert gradcheck(lambda x: F.cross_entropy(x, CLASSES, **options), LOGITS)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_ignored_targets_do_not_count(weight, label_smoothing):
    options = {"weight": weight, "label_smoothing": label_smoothing}
    more = np.vstack([LOGITS[:2], np.full((1, 3), 7.0), LOGITS[2:]])
    for ignored in (-100, 5, -1):
        classes = np.insert(CLASSES, 2, ignored)
        np.testing.assert_allclose(
            F.cross_entropy(more, classes, **options, ignore_index=ignored),
            F.cross_entropy(LOGITS, CLASSES, **options),
        )
        losses = F.cross_entropy(more, classes, **options, ignore_index=ignored, reduction="none")
        assert losses[2].item() == 0
        x = Tensor(more, requires_grad=True)
        F.cross_entropy(x, classes, **options, ignore_index=ignored).backward()
        np.testing.assert_array_equal(x.grad[2], [0, 0, 0])
        assert gradcheck(
            lambda x, c=classes, i=ignored: F.cross_entropy(x, c, **options, ignore_index=i), more
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target_dtype", [np.int64, np.int32, np.uint8])
def test_dtypes(dtype, target_dtype):
    x = Tensor(LOGITS.astype(dtype), requires_grad=True)
    for weight in (None, WEIGHT.astype(dtype)):
        loss = F.cross_entropy(x, tensor(CLASSES.astype(target_dtype)), weight)
        assert loss.dtype == dtype
        assert loss.shape == ()
        loss.backward()
        assert x.grad.dtype == dtype


@pytest.mark.parametrize("loss", [F.cross_entropy, lambda x, t, **k: F.nll_loss(x, t, **k)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_spatial_and_single_inputs(loss, reduction):
    x = RNG.standard_normal((2, 3, 4, 5))
    classes = RNG.integers(0, 3, (2, 4, 5))
    rows = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    flat = loss(rows, classes.reshape(-1), reduction=reduction)
    spatial = loss(x, classes, reduction=reduction)
    shape = classes.shape if reduction == "none" else ()
    np.testing.assert_allclose(spatial, flat.detach().numpy().reshape(shape))
    assert gradcheck(lambda x: loss(x, classes, reduction=reduction), x)
    single = loss(rows[0], np.array(classes[0, 0, 0]), reduction=reduction)
    assert single.shape == ()
    assert single.item() == pytest.approx(loss(rows[:1], classes[0, 0, :1], reduction="sum").item())


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2, 2)])
def test_probabilities_as_target(shape, weight, reduction):
    x, target = RNG.standard_normal(shape), probabilities(*shape)
    options = {"weight": weight, "reduction": reduction, "label_smoothing": 0.1}
    assert gradcheck(lambda x, t: F.cross_entropy(x, t, **options), (x, target))


def test_certain_probabilities_are_classes():
    np.testing.assert_allclose(
        F.cross_entropy(LOGITS, np.eye(3)[CLASSES], WEIGHT, reduction="none"),
        F.cross_entropy(LOGITS, CLASSES, WEIGHT, reduction="none"),
    )
    np.testing.assert_allclose(
        F.cross_entropy(LOGITS[0], np.eye(3)[CLASSES[0]]), F.cross_entropy(LOGITS[:1], CLASSES[:1])
    )


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_a_mean_of_nothing_is_nan_and_a_sum_zero(loss):
    for x, classes in [(LOGITS[:0], CLASSES[:0]), (LOGITS, np.full(4, -100))]:
        assert loss(x, classes, reduction="sum").item() == 0
        with np.errstate(invalid="ignore"):
            assert np.isnan(loss(x, classes)).all()


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss_of_log_softmax_is_cross_entropy(weight, reduction):
    classes = np.append(CLASSES, -100)
    x = np.vstack([LOGITS, LOGITS[:1]])

    def composed(x):
        return F.nll_loss(F.log_softmax(x, 1), classes, weight, reduction=reduction)

    np.testing.assert_allclose(
        composed(x), F.cross_entropy(x, classes, weight, reduction=reduction), rtol=1e-12
    )
    assert gradcheck(composed, x)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)], ids=str)
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (F.mse_loss, lambda x, t: (x - t) ** 2),
        (F.l1_loss, lambda x, t: np.abs(x - t)),
        (
            F.binary_cross_entropy_with_logits,
            lambda x, t: -t * np.log(1 / (1 + np.exp(-x))) - (1 - t) * np.log(1 / (1 + np.exp(x))),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_elementwise_losses(loss, expected, shape, reduction):
    x, target = RNG.standard_normal(shape), RNG.random(shape)
    x, target = np.asarray(x), np.asarray(target)
    losses = np.asarray(expected(x, target))
    reduced = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / max(losses.size, 1)}
    y = loss(x, target, reduction=reduction)
    if x.size or reduction != "mean":
        np.testing.assert_allclose(y, reduced[reduction], rtol=1e-12)
        assert gradcheck(lambda *args: loss(*args, reduction=reduction), (x, target))
    else:
        assert np.isnan(y).all()


def test_binary_cross_entropy_with_weights():
    x, target = RNG.standard_normal((2, 3)), RNG.random((2, 3))
    weight, pos_weight = RNG.random(3), RNG.random((2, 1)) + 0.5

    def loss(x, target, weight):
        return F.binary_cross_entropy_with_logits(x, target, weight, pos_weight=pos_weight)

    s = 1 / (1 + np.exp(-x))
    expected = -weight * (pos_weight * target * np.log(s) + (1 - target) * np.log(1 - s))
    np.testing.assert_allclose(loss(x, target, weight), expected.mean(), rtol=1e-12)
    assert gradcheck(loss, (x, target, weight))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (F.binary_cross_entropy, -np.log(0.25)),
        (F.binary_cross_entropy_with_logits, np.log1p(np.exp(-0.25))),
        (partial(F.binary_cross_entropy_with_logits, pos_weight=2.0), 2 * np.log1p(np.exp(-0.25))),
    ],
)
def test_binary_cross_entropy_of_one_number(loss, expected):
    x = tensor(0.25, "float64", requires_grad=True)
    y = loss(x, tensor(1.0, "float64"))
    y.backward()
    assert y.item() == pytest.approx(expected)
    assert x.grad.shape == ()


def test_binary_cross_entropy_does_not_overflow():
    x = Tensor(np.array([-1000.0, 1000.0, -1000.0, 1000.0]), requires_grad=True)
    losses = F.binary_cross_entropy_with_logits(x, np.array([0.0, 1, 1, 0]), reduction="none")
    np.testing.assert_array_equal(losses.detach(), [0, 0, 1000, 1000])
    losses.sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, -1, 1])


ONE = np.ones(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.cross_entropy(LOGITS, CLASSES + 1), ValueError, "cross_entropy: target .*got 3"),
        (lambda: F.cross_entropy(LOGITS, -CLASSES), ValueError, "cross_entropy: target .*got -2"),
        (
            lambda: F.cross_entropy(LOGITS, CLASSES[:3]), ValueError,
            r"cross_entropy: target\.shape must be \(4,\) .*got \(3,\), input\.shape \(4, 3\)",
        ),
        (lambda: F.cross_entropy(LOGITS, LOGITS[:3]), ValueError, r"got \(3, 3\) and \(4, 3\)"),
        (lambda: F.cross_entropy(np.ones(()), np.array(0)), ValueError, "cross_entropy: input"),
        (lambda: F.cross_entropy(LOGITS, CLASSES > 0), TypeError, "cross_entropy: target.dtype"),
        (lambda: F.cross_entropy(LOGITS, CLASSES, WEIGHT[:2]), ValueError, r"weight\.shape"),
        (lambda: F.cross_entropy(LOGITS, CLASSES, label_smoothing=2), ValueError, "smoothing"),
        (lambda: F.cross_entropy(LOGITS, CLASSES, reduction="max"), ValueError, "reduction .*max"),
        (lambda: F.nll_loss(LOGITS, CLASSES + 1), ValueError, r"nll_loss: target .*\(got 3 and 3"),
        (lambda: F.nll_loss(LOGITS, -CLASSES), ValueError, "nll_loss: target .*got -2"),
        (lambda: F.nll_loss(LOGITS, LOGITS), TypeError, "nll_loss: target.dtype"),
        (lambda: F.nll_loss(LOGITS, CLASSES[:3]), ValueError, "nll_loss: target.shape"),
        (lambda: F.nll_loss(LOGITS, CLASSES, WEIGHT[:2]), ValueError, "nll_loss: weight.shape"),
        (lambda: F.l1_loss(ONE, ONE, reduction="max"), ValueError, "l1_loss: reduction"),
        (lambda: F.mse_loss(ONE, ONE, weight=np.ones(3)), ValueError, "mse_loss: weight.shape"),
        (
            lambda: F.cross_entropy(LOGITS, np.exp(LOGITS), ignore_index=1), ValueError,
            "cross_entropy: ignore_index must be negative",
        ),
        (
            lambda: F.cross_entropy(LOGITS, np.exp(LOGITS), label_smoothing=1.5), ValueError,
            "cross_entropy: label_smoothing",
        ),
        (
            lambda: F.cross_entropy(LOGITS, np.exp(LOGITS), WEIGHT[:2]), ValueError,
            "cross_entropy: weight.shape",
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(ONE, np.ones(2)), ValueError,
            "binary_cross_entropy_with_logits: target.shape",
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(ONE, ONE > 0), RuntimeError,
            r"binary_cross_entropy_with_logits: target must have a float dtype.*\(got bool\)",
        ),
        (
            lambda: F.binary_cross_entropy(ONE, ONE.astype(int)), RuntimeError,
            r"binary_cross_entropy: target must have a float dtype.*\(got int64\)",
        ),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss])
def test_differences_broadcast_with_a_warning(loss):
    x, y = np.array([[1.0], [2.0]]), np.array([[1.0, 3.0]])
    with pytest.warns(UserWarning, match=f"{loss.__name__}: target.shape differs") as caught:
        got = loss(x, y, reduction="none")
    assert caught[0].filename == __file__
    power = 2 if loss is F.mse_loss else 1
    np.testing.assert_array_equal(got, np.abs(x - y) ** power)
    with pytest.warns(UserWarning, match="differs"), pytest.raises(ValueError, match="broadcast"):
        loss(np.ones(2), np.ones(3))


@pytest.mark.parametrize(
    ("options", "reduction"),
    [
        ({"size_average": True}, "mean"),
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"reduce": True}, "mean"),
        ({"reduce": True, "size_average": False}, "sum"),
        ({"reduce": False, "size_average": True}, "none"),
    ],
    ids=str,
)
def test_pytorchs_older_reductions(options, reduction):
    calls = [
        (F.cross_entropy, nn.CrossEntropyLoss, LOGITS, CLASSES),
        (F.nll_loss, nn.NLLLoss, LOGITS, CLASSES),
        (F.mse_loss, nn.MSELoss, LOGITS, 2 * LOGITS),
        (F.l1_loss, nn.L1Loss, LOGITS, 2 * LOGITS),
        (F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss, LOGITS, 1.0 * (LOGITS > 0)),
    ]
    for function, layer, x, target in calls:
        expected = function(x, target, reduction=reduction)
        with pytest.warns(UserWarning, match=f"use reduction='{reduction}'"):
            np.testing.assert_array_equal(function(x, target, **options), expected)
        with pytest.warns(UserWarning, match=f"{layer.__name__}: size_average and reduce"):
            made = layer(**options)
        assert made.reduction == reduction
        np.testing.assert_array_equal(made(x, target), expected)


def test_positional_arguments_stand_in_pytorchs_order():
    with pytest.warns(UserWarning, match="deprecated"):
        assert F.mse_loss(np.zeros(2), np.ones(2), False).item() == 2
    with pytest.warns(UserWarning, match="deprecated"):
        assert nn.MSELoss(False).reduction == "sum"
    expected = F.cross_entropy(LOGITS, CLASSES, ignore_index=2)
    assert F.cross_entropy(LOGITS, CLASSES, None, None, 2).item() == expected.item()


@pytest.mark.parametrize(("loss", "power"), [(F.mse_loss, 2), (F.l1_loss, 1)])
def test_weighted_differences(loss, power):
    x, y, w = np.array([1.0, 2.0]), np.array([3.0, 3.0]), np.array([1.0, 3.0])
    each = w * np.abs(x - y) ** power
    np.testing.assert_allclose(loss(x, y, weight=w, reduction="none"), each)
    np.testing.assert_allclose(loss(x, y, weight=w, reduction="sum"), each.sum())
    np.testing.assert_allclose(loss(x, y, weight=w), each.sum() / 4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_mse_loss_is_one_node(reduction):
    x = tensor([[1.0], [3.0]], requires_grad=True)
    target = tensor([[2.0, 5.0]], requires_grad=True)
    with pytest.warns(UserWarning, match="broadcast"):
        loss = F.mse_loss(x, target, reduction=reduction)
    assert loss.grad_fn.edges == ((x, 0), (target, 0))
    loss.backward()
    count = 4 if reduction == "mean" else 1
    assert loss.item() == (1 + 16 + 1 + 4) / count
    assert x.grad.tolist() == [[-10 / count], [-2 / count]]
    assert target.grad.tolist() == [[0.0, 12 / count]]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.binary_cross_entropy,
        F.binary_cross_entropy_with_logits,
    ],
)  # fmt: skip
def test_elementwise_losses_are_one_node(loss, reduction):
    x = tensor([[0.25], [0.75]], requires_grad=True)
    target = tensor([[1.0], [0.0]], requires_grad=True)
    y = loss(x, target, reduction=reduction)
    assert y.grad_fn.edges == ((x, 0), (target, 0))
    each = loss(x, target, reduction="none")
    assert y.item() == pytest.approx(
        each.mean().item() if reduction == "mean" else each.sum().item()
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("offset", [0, 1e5, 1e6, -1e7])
def test_cross_entropy_does_not_lose_the_digits_of_large_logits(offset, smoothing):
    near = np.array([[0, 1, 2, 0.5], [3, 0, 3, 3]], np.float32)
    target = np.array([2, 0])
    found = []
    for logits in (near, near + np.float32(offset)):
        x = Tensor(np.round(logits), requires_grad=True)
        loss = F.cross_entropy(x, target, label_smoothing=smoothing)
        loss.backward()
        found.append((loss.item(), x.grad.numpy()))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-6, atol=1e-7)
