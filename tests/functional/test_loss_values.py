"""Losses against their formulas in NumPy, with gradient checks; corner cases and errors."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
P, Q = RNG.uniform(0.05, 0.95, (2, 4, 3))
SIGNS, ROW_SIGNS = np.sign(RNG.normal(size=(4, 3))), np.array([1.0, -1.0, -1.0, 1.0])
CLASSES, WEIGHT = np.array([0, 2, 1, 2]), np.array([0.5, 2.0, 1.0])
LABELS = np.array([[2, 0, -1], [1, -1, 2], [-1, 0, 1], [0, 1, 2]])
COUNTS = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 5.0], [4.0, 0.0, 0.0], [2.0, 2.0, 7.0]])


def hinge(x):
    return np.maximum(x, 0)


def distance(a, b, p=2.0, eps=1e-6):
    return (np.abs(a - b + eps) ** p).sum(-1) ** (1 / p)


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def softplus(x):
    return np.log1p(np.exp(x))


def huber(x, t, delta):
    d = np.abs(x - t)
    return np.where(d < delta, d * d / 2, delta * (d - delta / 2))


def multi_margin(x, t, p=1, margin=1.0, weight=None):
    rows = np.arange(len(x))
    terms = hinge(margin - x[rows, t][:, None] + x) ** p
    terms[rows, t] = 0
    return terms.sum(1) / x.shape[1] * (1 if weight is None else weight[t])


def multilabel_margin(x, labels):
    losses = []
    for row, marked in zip(x, labels.tolist(), strict=True):
        wanted = marked[: marked.index(-1)] if -1 in marked else marked
        others = [j for j in range(len(row)) if j not in wanted]
        losses.append(sum(hinge(1 - row[t] + row[j]) for t in wanted for j in others))
    return np.array(losses) / x.shape[1]


def stirling(t):
    return np.where(t > 1, t * np.log(t + (t == 0)) - t + 0.5 * np.log(2 * np.pi * (t + 1e-300)), 0)


# The function, its arguments, its options, and the losses of all elements or items. Arguments of
# a float dtype get gradient checks.
CASES = {
    "bce": (
        "binary_cross_entropy", (P, Q), {}, lambda x, t: -t * np.log(x) - (1 - t) * np.log(1 - x),
    ),
    "bce weighted": (
        "binary_cross_entropy", (P, Q), {"weight": WEIGHT},
        lambda x, t: WEIGHT * (-t * np.log(x) - (1 - t) * np.log(1 - x)),
    ),
    "soft_margin": ("soft_margin_loss", (X, SIGNS), {}, lambda x, t: softplus(-t * x)),
    "multilabel_soft_margin": (
        "multilabel_soft_margin_loss", (X, Q), {"weight": WEIGHT},
        lambda x, t: (WEIGHT * (t * softplus(-x) + (1 - t) * softplus(x))).mean(1),
    ),
    "smooth_l1": ("smooth_l1_loss", (X, T), {}, lambda x, t: huber(x, t, 1.0)),
    "smooth_l1 beta": (
        "smooth_l1_loss", (X, T), {"beta": 0.5}, lambda x, t: huber(x, t, 0.5) / 0.5,
    ),
    "smooth_l1 beta 0": ("smooth_l1_loss", (X, T), {"beta": 0.0}, lambda x, t: np.abs(x - t)),
    "huber": ("huber_loss", (X, T), {"delta": 0.7}, lambda x, t: huber(x, t, 0.7)),
    "kl_div": ("kl_div", (X, P), {}, lambda x, t: t * (np.log(t) - x)),
    "kl_div of logarithms": (
        "kl_div", (X, T), {"log_target": True}, lambda x, t: np.exp(t) * (t - x),
    ),
    "poisson": ("poisson_nll_loss", (X, COUNTS), {}, lambda x, t: np.exp(x) - t * x),
    "poisson full": (
        "poisson_nll_loss", (P, COUNTS), {"log_input": False, "full": True, "eps": 1e-3},
        lambda x, t: x - t * np.log(x + 1e-3) + stirling(t),
    ),
    "gaussian": (
        "gaussian_nll_loss", (X, T, P), {}, lambda x, t, v: (np.log(v) + (x - t) ** 2 / v) / 2,
    ),
    "gaussian of rows": (
        "gaussian_nll_loss", (X, T, P[:, 0]), {"full": True},
        lambda x, t, v: (np.log(2 * np.pi * v[:, None]) + (x - t) ** 2 / v[:, None]) / 2,
    ),
    "hinge_embedding": (
        "hinge_embedding_loss", (P, SIGNS), {"margin": 0.6},
        lambda x, t: np.where(t == 1, x, hinge(0.6 - x)),
    ),
    "margin_ranking": (
        "margin_ranking_loss", (X, T, SIGNS), {"margin": 0.3},
        lambda a, b, t: hinge(0.3 - t * (a - b)),
    ),
    "multi_margin": ("multi_margin_loss", (X, CLASSES), {}, multi_margin),
    "multi_margin squared": (
        "multi_margin_loss", (X, CLASSES), {"p": 2, "margin": 0.5, "weight": WEIGHT},
        lambda x, t: multi_margin(x, t, 2, 0.5, WEIGHT),
    ),
    "multilabel_margin": ("multilabel_margin_loss", (X, LABELS), {}, multilabel_margin),
    "cosine_embedding": (
        "cosine_embedding_loss", (X, T, ROW_SIGNS), {"margin": 0.1},
        lambda a, b, t: np.where(t == 1, 1 - cosine(a, b), hinge(cosine(a, b) - 0.1)),
    ),
    "triplet": (
        "triplet_margin_loss", (X, T, P), {},
        lambda a, p, n: hinge(distance(a, p) - distance(a, n) + 1),
    ),
    "triplet swapped": (
        "triplet_margin_loss", (X, T, P), {"p": 3.0, "swap": True, "margin": 2.0},
        lambda a, p, n: hinge(
            distance(a, p, 3.0) - np.minimum(distance(a, n, 3.0), distance(p, n, 3.0)) + 2
        ),
    ),
    "triplet with a distance": (
        "triplet_margin_with_distance_loss", (X, T, P),
        {"distance_function": lambda a, b: abs(a - b).sum(-1)},
        lambda a, p, n: hinge(np.abs(a - p).sum(-1) - np.abs(a - n).sum(-1) + 1),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, reduction):
    function, arrays, options, expected = CASES[name]
    losses = expected(*arrays)
    loss = getattr(F, function)
    wanted = {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]
    options = {**options, "reduction": reduction}
    np.testing.assert_allclose(loss(*arrays, **options), wanted, rtol=1e-9, atol=1e-12)
    single = loss(
        *(tensor(x, dtype="float32") if x.dtype.kind == "f" else x for x in arrays),
        **{k: v.astype(np.float32) if k == "weight" else v for k, v in options.items()},
    )
    assert single.dtype == np.float32
    floats = [i for i, x in enumerate(arrays) if x.dtype.kind == "f" and x is not COUNTS]

    def of_floats(*changed):
        inputs = list(arrays)
        for i, x in zip(floats, changed, strict=True):
            inputs[i] = x
        return loss(*inputs, **options)

    assert gradcheck(of_floats, tuple(arrays[i] for i in floats))


def test_limits_of_binary_cross_entropy():
    x = Tensor(np.array([0.0, 1.0, 0.0, 1.0]), requires_grad=True)
    losses = F.binary_cross_entropy(x, np.array([0.0, 1.0, 1.0, 0.0]), reduction="none")
    np.testing.assert_array_equal(losses.detach(), [0, 0, 100, 100])
    losses.sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, -1e12, 1e12])


def test_divergence_of_zero_probabilities_and_the_batch_mean():
    x, target = np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(
        F.kl_div(x, target, reduction="batchmean"), (np.log(2) - np.log(0.75)) / 2
    )
    with pytest.warns(UserWarning, match="batchmean"):
        F.kl_div(x, target)
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"


def test_a_weighted_huber_loss_divides_by_the_number_of_elements():
    x, y, w = np.array([1.0, 2.0]), np.array([1.5, 6.0]), np.array([1.0, 3.0])
    losses = w * huber(x, y, 1.0)
    np.testing.assert_allclose(F.huber_loss(x, y, weight=w, reduction="none"), losses)
    np.testing.assert_allclose(F.huber_loss(x, y, weight=w), losses.sum() / 2)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_single_numbers_have_gradients(reduction):
    x, y = tensor(1.25, requires_grad=True), tensor(1.0, requires_grad=True)
    F.smooth_l1_loss(x, y, beta=0.5, reduction=reduction).backward()
    assert (x.grad.item(), y.grad.item()) == (0.5, -0.5)


def test_small_variances_are_raised_and_keep_their_gradient():
    var = Tensor(np.array([1e-9, 2.0]), requires_grad=True)
    F.gaussian_nll_loss(np.zeros(2), np.array([1e-4, 1.0]), var, eps=1e-6).backward()
    v = np.array([1e-6, 2.0])
    np.testing.assert_allclose(var.grad, (1 / v - np.array([1e-8, 1.0]) / v**2) / 4)
    np.testing.assert_allclose(
        F.gaussian_nll_loss(X, T, 2.0), F.gaussian_nll_loss(X, T, np.full_like(X, 2.0))
    )


@pytest.mark.parametrize("shape", [(3,), (0, 3)], ids=str)
def test_single_and_no_items(shape):
    x, labels = np.resize(X, shape), np.resize(LABELS, shape)
    assert F.multilabel_margin_loss(x, labels, reduction="none").shape == shape[:-1]
    classes = np.resize(CLASSES, shape[:-1])
    assert F.multi_margin_loss(x, classes, reduction="none").shape == shape[:-1]
    assert F.triplet_margin_loss(x, x, x, reduction="none").shape == shape[:-1]


ONE, TWO = np.ones(1), np.ones(2)

ERRORS = [
    ("binary_cross_entropy", (ONE + 0.5, ONE), {}, RuntimeError, r"between 0 and 1 \(got 1.5\)"),
    ("binary_cross_entropy", (ONE * np.nan, ONE), {}, RuntimeError, "got nan"),
    (
        "binary_cross_entropy",
        (ONE, ONE * 2),
        {},
        RuntimeError,
        r"of target should be .* \(got 2.0\)",
    ),
    ("binary_cross_entropy", (ONE, TWO), {}, ValueError, "target.shape must equal input.shape"),
    ("binary_cross_entropy", (TWO, TWO), {"weight": np.ones(3)}, ValueError, "weight.shape"),
    ("smooth_l1_loss", (ONE, ONE), {"beta": -1.0}, RuntimeError, r"beta .*\(got -1.0\)"),
    ("huber_loss", (ONE, ONE), {"delta": 0.0}, RuntimeError, r"delta must be positive \(got 0.0\)"),
    ("kl_div", (ONE, ONE), {"reduction": "max"}, ValueError, "'batchmean', 'mean'"),
    ("gaussian_nll_loss", (X, T, -P), {}, ValueError, "var has a negative entry"),
    ("gaussian_nll_loss", (X, T, P[:2]), {}, ValueError, "var.shape must equal input.shape"),
    ("margin_ranking_loss", (X, T, ROW_SIGNS), {}, RuntimeError, "same number of dimensions"),
    ("multi_margin_loss", (X, CLASSES), {"p": 3}, ValueError, r"p must be 1 or 2 \(got 3\)"),
    ("multi_margin_loss", (X, CLASSES + 1), {}, ValueError, "less than the number of classes"),
    ("multi_margin_loss", (X, CLASSES[:2]), {}, ValueError, "target.shape must be"),
    ("multi_margin_loss", (X, X[:, 0]), {}, TypeError, "target.dtype"),
    ("multi_margin_loss", (X, CLASSES), {"weight": TWO}, ValueError, "weight.shape"),
    ("multilabel_margin_loss", (X, LABELS - 1), {}, ValueError, "at least -1"),
    ("multilabel_margin_loss", (X, LABELS[:2]), {}, ValueError, "target.shape must equal"),
    ("multilabel_margin_loss", (X[None], LABELS[None]), {}, ValueError, "at most 2 dimensions"),
    ("cosine_embedding_loss", (X, T, SIGNS), {}, ValueError, "one dimension more than target"),
    ("triplet_margin_loss", (X, T, P), {"margin": 0}, ValueError, "margin must be positive"),
    ("triplet_margin_loss", (X, T, P[0]), {}, RuntimeError, "same number of dimensions"),
]


@pytest.mark.filterwarnings("ignore:gaussian_nll_loss")
@pytest.mark.parametrize(("name", "arrays", "options", "error", "message"), ERRORS)
def test_errors(name, arrays, options, error, message):
    with pytest.raises(error, match=f"{name}: .*{message}"):
        getattr(F, name)(*arrays, **options)


def test_loss_modules_call_their_functions():
    """Options of the constructor arrive at the function of the same name."""
    pairs = [
        (nn.SmoothL1Loss(beta=0.5), "smooth_l1 beta"),
        (nn.HuberLoss(delta=0.7), "huber"),
        (nn.KLDivLoss(reduction="sum", log_target=True), "kl_div of logarithms"),
        (nn.PoissonNLLLoss(False, True, eps=1e-3), "poisson full"),
        (nn.GaussianNLLLoss(full=True), "gaussian of rows"),
        (nn.HingeEmbeddingLoss(0.6), "hinge_embedding"),
        (nn.MarginRankingLoss(0.3), "margin_ranking"),
        (nn.MultiMarginLoss(2, 0.5, tensor(WEIGHT)), "multi_margin squared"),
        (nn.CosineEmbeddingLoss(0.1), "cosine_embedding"),
        (nn.TripletMarginLoss(2.0, 3.0, swap=True), "triplet swapped"),
        (nn.BCELoss(tensor(WEIGHT)), "bce weighted"),
        (nn.MultiLabelSoftMarginLoss(tensor(WEIGHT)), "multilabel_soft_margin"),
    ]
    for module, name in pairs:
        function, arrays, options, _ = CASES[name]
        expected = getattr(F, function)(*arrays, **options, reduction=module.reduction)
        np.testing.assert_array_equal(module(*arrays), expected)
