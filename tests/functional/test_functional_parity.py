"""Values and gradients are equal to those of PyTorch, in both dtypes."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.tensor import Tensor

torch = pytest.importorskip("torch", reason="compared with PyTorch")
TF = torch.nn.functional

RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.standard_normal(shape)


def positive(*shape):
    return RNG.uniform(0.5, 2, shape)


X, Y, SCORES, MAPS = numbers(3, 4), numbers(4), numbers(6, 5), numbers(2, 5, 3, 2)
IMAGES, FILTERS, BIAS = numbers(2, 4, 7, 6), numbers(6, 2, 3, 2), numbers(6)
CLASSES, MAP_CLASSES = np.array([0, 4, -100, 2, 2, 1]), RNG.integers(0, 5, (2, 3, 2))
WEIGHT, TIES = positive(5), np.array([[1.0, 2.0, 2.0], [2.0, 0.0, 1.0]])
SHARES = positive(6, 5) / 5
CONV = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}

# Each function takes two namespaces, like torch and torch.nn.functional, and the arguments.
CASES = {
    "add": (lambda t, f, x, y: x + y, X, Y),
    "sub": (lambda t, f, x, y: x - y, X, Y),
    "mul": (lambda t, f, x, y: x * y, X, Y),
    "div": (lambda t, f, x, y: x / y, X, positive(3, 1)),
    "scalars": (lambda t, f, x: 2 - 3 * x / 4 + 1 / (x * x + 1), X),
    "pow": (lambda t, f, x, y: x**y, positive(3, 4), Y),
    "cube": (lambda t, f, x: x**3, X),
    "inverse square": (lambda t, f, x: x**-2.0, X),
    "pow of zero": (lambda t, f, x, y: x**y, np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 0.0])),
    "exponential": (lambda t, f, x: 2.0**x, X),
    "matmul": (lambda t, f, x, y: x @ y, X, numbers(4, 2)),
    "matvec": (lambda t, f, x, y: x @ y, X, Y),
    "dot": (lambda t, f, x, y: x @ y, Y, numbers(4)),
    "batched matmul": (lambda t, f, x, y: t.matmul(x, y), numbers(5, 1, 2, 3), numbers(4, 3, 2)),
    "maximum": (lambda t, f, x, y: t.maximum(x, y), TIES, np.array([1.0, 1.0, 2.0])),
    "minimum": (lambda t, f, x, y: t.minimum(x, y), TIES, np.array([1.0, 1.0, 2.0])),
    "where": (lambda t, f, x, y: t.where(x > 0, x * y, y), X, Y),
    "exp": (lambda t, f, x: t.exp(x), X),
    "log": (lambda t, f, x: t.log(x), positive(3, 4)),
    "sqrt": (lambda t, f, x: t.sqrt(x), positive(3, 4)),
    "abs": (lambda t, f, x: t.abs(x), np.append(Y, 0.0)),
    "tanh": (lambda t, f, x: t.tanh(x), X),
    "sigmoid": (lambda t, f, x: t.sigmoid(x), 20 * X),
    "relu": (lambda t, f, x: f.relu(x), np.append(Y, 0.0)),
    "leaky_relu": (lambda t, f, x: f.leaky_relu(x, 0.2), np.append(Y, 0.0)),
    "clamp": (lambda t, f, x: t.clamp(x, -1, 1), np.append(Y, [-1.0, 1.0])),
    "clip": (lambda t, f, x: t.clip(x, min=0.5), X),
    "clamp by tensors": (
        lambda t, f, x, a, b: t.clamp(x, a, b), X, Y, Y[::-1].copy(),
    ),
    "clamp from below": (lambda t, f, x, a: t.clamp(x, min=a), X, np.append(Y[:3], X[0, 3])),
    "clamp from above": (lambda t, f, x, a: x.clamp(max=a), X, np.append(Y[:3], X[0, 3])),
    "max along an axis": (lambda t, f, x: x.max(1)[0], TIES),
    "min along an axis": (lambda t, f, x: t.min(x, 0, keepdim=True).values, TIES),
    "max of two": (lambda t, f, x, y: t.max(x, y), TIES, np.array([1.0, 1.0, 2.0])),
    "amax": (lambda t, f, x: x.amax(1), TIES),
    "amin": (lambda t, f, x: x.amin((0, 1), keepdim=True), TIES),
    "sort": (lambda t, f, x: x.sort(1, descending=True)[0], X),
    "topk": (lambda t, f, x: t.topk(x, 2, 0).values, X),
    "add with alpha": (lambda t, f, x, y: t.add(x, y, alpha=0.5), X, Y),
    "sub with alpha": (lambda t, f, x, y: t.sub(x, y, alpha=3), X, Y),
    "sum of no axes": (lambda t, f, x: x.sum([]), X),
    "biased var": (lambda t, f, x: x.var(1, unbiased=False), X),
    "std by position": (lambda t, f, x: t.std(x, 0, False, True), X),
    "mse_loss broadcast": (
        lambda t, f, x, y: f.mse_loss(x, y.expand(3, 4)), X, numbers(1, 4),
    ),
    "mse_loss weighted": (
        lambda t, f, x, y, w: f.mse_loss(x, y, weight=w.detach()), X, numbers(3, 4), positive(3, 4),
    ),
    "conv2d of one image": (lambda t, f, x, w: f.conv2d(x, w, **CONV), IMAGES[0], FILTERS),
    "max_pool2d of one image": (lambda t, f, x: f.max_pool2d(x, 3, 2, 1), IMAGES[0]),
    "avg_pool2d of one image": (lambda t, f, x: f.avg_pool2d(x, 2), IMAGES[0]),
    "relu in place": (lambda t, f, x: (h := x * 2, f.relu(h, inplace=True) + h)[1], X),
    "leaky_relu in place": (
        lambda t, f, x: (h := x * 2, f.leaky_relu(h, 0.1, True) * h)[1], X,
    ),
    "batch_norm": (
        lambda t, f, x, w, b: f.batch_norm(x, None, None, w, b, training=True),
        IMAGES, numbers(4), numbers(4),
    ),
    "layer_norm": (lambda t, f, x, w, b: f.layer_norm(x, (4,), w, b), X, numbers(4), numbers(4)),
    "rms_norm": (lambda t, f, x, w: f.rms_norm(x, (4,), w), X, numbers(4)),
    "group_norm": (
        lambda t, f, x, w, b: f.group_norm(x, 2, w, b), IMAGES, numbers(4), numbers(4),
    ),
    "instance_norm": (lambda t, f, x, w: f.instance_norm(x, weight=w), IMAGES, numbers(4)),
    "local_response_norm": (lambda t, f, x: f.local_response_norm(x, 3, 0.5), IMAGES),
    "normalize": (lambda t, f, x: f.normalize(x, 3.0), X),
    "cosine_similarity": (lambda t, f, x, y: f.cosine_similarity(x, y, -1), X, numbers(3, 4)),
    "pairwise_distance": (lambda t, f, x, y: f.pairwise_distance(x, y, 1.0), X, numbers(3, 4)),
    "pdist": (lambda t, f, x: f.pdist(x), X),
    "bilinear": (lambda t, f, x, y, w: f.bilinear(x, y, w), X, numbers(3, 2), numbers(5, 4, 2)),
    "attention": (
        lambda t, f, q, k, v: f.scaled_dot_product_attention(q, k, v, is_causal=True),
        numbers(2, 3, 4), numbers(2, 5, 4), numbers(2, 5, 2),
    ),
    "sum": (lambda t, f, x: x.sum(), X),
    "sum of axes": (lambda t, f, x: x.sum(dim=(0, 2), keepdim=True), numbers(2, 3, 4)),
    "mean": (lambda t, f, x: x.mean(1), X),
    "var": (lambda t, f, x: t.var(x), X),
    "std": (lambda t, f, x: t.std(x, dim=0, correction=0), X),
    "std of equal numbers": (lambda t, f, x: x.std(1), np.array([[1.0, 1.0], [1.0, 3.0]])),
    "max": (lambda t, f, x: x.max(), TIES),
    "min": (lambda t, f, x: x.min(), TIES),
    "logsumexp": (lambda t, f, x: t.logsumexp(x, 1), 100 * X),
    "softmax": (lambda t, f, x: f.softmax(x, dim=1), 10 * X),
    "log_softmax": (lambda t, f, x: f.log_softmax(x, dim=0), 10 * X),
    "reshape": (lambda t, f, x: t.reshape(x, (2, -1)), X),
    "flatten": (lambda t, f, x: t.flatten(x, 1, 2), numbers(2, 3, 2, 2)),
    "squeeze": (lambda t, f, x: x.squeeze(1).unsqueeze(0), numbers(3, 1, 2)),
    "permute": (lambda t, f, x: x.permute(2, 0, 1).transpose(0, 1), numbers(2, 3, 4)),
    "expand": (lambda t, f, x: x.expand(2, -1, 3), numbers(4, 1)),
    "index": (lambda t, f, x: x[[0, 2, 0], 1:], X),
    "mask": (lambda t, f, x: x[x > 0], X),
    "cat": (lambda t, f, x, y: t.cat([x, y, x], dim=1), X, numbers(3, 2)),
    "stack": (lambda t, f, x, y: t.stack([x, y], dim=1), X, numbers(3, 4)),
    "pad": (lambda t, f, x: f.pad(x, (1, 2, -1, 1), value=3.0), X),
    "pad reflect": (lambda t, f, x: f.pad(x, (1, 2), mode="reflect"), X),
    "pad replicate": (lambda t, f, x: f.pad(x, (3, 0), mode="replicate"), X),
    "pad circular": (lambda t, f, x: f.pad(x, (2, 1), mode="circular"), X),
    "linear": (lambda t, f, x, w, b: f.linear(x, w, b), numbers(2, 3, 4), X, numbers(3)),
    "conv2d": (lambda t, f, x, w, b: f.conv2d(x, w, b, **CONV), IMAGES, FILTERS, BIAS),
    "conv2d same": (lambda t, f, x, w: f.conv2d(x, w, padding="same"), IMAGES, numbers(2, 4, 3, 5)),
    "max_pool2d": (
        lambda t, f, x: f.max_pool2d(x, 3, 2, 1, ceil_mode=True), IMAGES,
    ),
    "max_pool2d ties": (lambda t, f, x: f.max_pool2d(x, 2, 1), np.round(IMAGES)),
    "avg_pool2d": (
        lambda t, f, x: f.avg_pool2d(x, 3, 2, 1, True, False), IMAGES,
    ),
    "cross_entropy": (lambda t, f, x, c: f.cross_entropy(x, c), SCORES, CLASSES),
    "cross_entropy summed": (
        lambda t, f, x, c: f.cross_entropy(x, c, reduction="sum"), 50 * SCORES, CLASSES,
    ),
    "cross_entropy weighted": (
        lambda t, f, x, c, w: f.cross_entropy(x, c, w.detach()), SCORES, CLASSES, WEIGHT,
    ),
    "cross_entropy smoothed": (
        lambda t, f, x, c, w: f.cross_entropy(x, c, w.detach(), label_smoothing=0.2),
        SCORES, CLASSES, WEIGHT,
    ),
    "cross_entropy smoothed, each": (
        lambda t, f, x, c: f.cross_entropy(x, c, label_smoothing=0.2, reduction="none"),
        SCORES, CLASSES,
    ),
    "cross_entropy ignoring": (
        lambda t, f, x, c: f.cross_entropy(x, c, ignore_index=2), SCORES[:2], CLASSES[3:5] - [0, 1],
    ),
    "cross_entropy of maps": (
        lambda t, f, x, c, w: f.cross_entropy(x, c, w.detach(), reduction="none"),
        MAPS, MAP_CLASSES, WEIGHT,
    ),
    "cross_entropy of maps, mean": (
        lambda t, f, x, c, w: f.cross_entropy(x, c, w.detach(), label_smoothing=0.1),
        MAPS, MAP_CLASSES, WEIGHT,
    ),
    "cross_entropy of probabilities": (
        lambda t, f, x, p, w: f.cross_entropy(x, p, w.detach(), label_smoothing=0.1),
        SCORES, SHARES, WEIGHT,
    ),
    "cross_entropy of one": (lambda t, f, x, c: f.cross_entropy(x, c), SCORES[0], np.array(3)),
    "nll_loss": (
        lambda t, f, x, c, w: f.nll_loss(x, c, w.detach()), SCORES, CLASSES, WEIGHT,
    ),
    "nll_loss of maps": (lambda t, f, x, c: f.nll_loss(x, c), MAPS, MAP_CLASSES),
    "mse_loss": (lambda t, f, x, y: f.mse_loss(x, y), X, numbers(3, 4)),
    "l1_loss": (lambda t, f, x, y: f.l1_loss(x, y, reduction="sum"), X, numbers(3, 4)),
    "binary_cross_entropy_with_logits": (
        lambda t, f, x, y, w, p: f.binary_cross_entropy_with_logits(
            x, y, w.detach(), pos_weight=p.detach()
        ),
        10 * SCORES, SHARES, WEIGHT, positive(5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("function", "arguments"), [(c[0], c[1:]) for c in CASES.values()], ids=CASES
)
def test_values_and_gradients(function, arguments, dtype):
    arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in arguments]
    ours = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    theirs = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    y, expected = function(cnet, F, *ours), function(torch, TF, *theirs)
    tolerance = 2e-5 if dtype == np.float32 else 1e-12

    def assert_close(got, expected):
        expected = expected.detach().numpy()
        assert got.dtype == expected.dtype
        scale = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(got.detach(), expected, rtol=tolerance, atol=tolerance * scale)

    assert_close(y, expected)
    start = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    y.backward(start)
    expected.backward(torch.tensor(start))
    for x, reference in zip(ours, theirs, strict=True):
        assert (x.grad is None) == (reference.grad is None)
        if x.grad is not None:
            assert_close(x.grad, reference.grad)


def test_pooling_positions():
    _, indices = F.max_pool2d(IMAGES, 3, 2, 1, return_indices=True)
    _, expected = TF.max_pool2d(torch.tensor(IMAGES), 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(indices, expected)


@pytest.mark.parametrize("function", ["argmax", "argmin"])
def test_positions(function):
    for options in ({}, {"dim": 1}, {"dim": 0, "keepdim": True}):
        expected = getattr(torch, function)(torch.tensor(X), **options)
        np.testing.assert_array_equal(getattr(cnet, function)(X, **options), expected)
