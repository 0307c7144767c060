"""Attention against its formula in NumPy, with gradient checks."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn
from cnet.autograd import listing_calls
from cnet.functional.linear import Linear
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

RNG = np.random.default_rng(0)
Q, K, V = (
    RNG.normal(size=(2, 4, 3, 5)),
    RNG.normal(size=(2, 4, 6, 5)),
    RNG.normal(size=(2, 4, 6, 2)),
)
MASK, ADDED = RNG.random((3, 6)) < 0.6, RNG.normal(size=(2, 1, 3, 6))
MASK[0, 0] = True


def attention(q, k, v, added=0.0, scale=None):
    scores = q @ k.swapaxes(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale) + added
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


def minus_infinity(kept):
    return np.where(kept, 0, -np.inf)


OPTIONS = [
    ({}, {}),
    ({"scale": 0.3}, {"scale": 0.3}),
    ({"attn_mask": MASK}, {"added": minus_infinity(MASK)}),
    ({"attn_mask": ADDED}, {"added": ADDED}),
    ({"is_causal": True}, {"added": minus_infinity(np.tri(3, 6, dtype=bool))}),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS)
def test_scaled_dot_product_attention(options, expected):
    def ours(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, **options)

    np.testing.assert_allclose(ours(Q, K, V), attention(Q, K, V, **expected), rtol=1e-10)
    assert gradcheck(
        ours, (Q[:1, :2], K[:1, :2], V[:1, :2]) if "attn_mask" not in options else (Q, K, V)
    )


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("queries", [2, 20])
def test_many_keys(queries, causal):
    q, k, v = RNG.normal(size=(2, queries, 3)), *RNG.normal(size=(2, 2, 70, 3))
    added = minus_infinity(np.tri(queries, 70, dtype=bool)) if causal else 0.0

    def ours(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

    np.testing.assert_allclose(ours(q, k, v), attention(q, k, v, added), rtol=1e-10)
    assert gradcheck(ours, (q[:1], k[:1], v[:1]))


def test_a_causal_query_does_not_read_later_values():
    v = V.copy()
    v[:, :, 2:] = np.nan
    y = F.scaled_dot_product_attention(Q, K, v, is_causal=True).numpy()
    assert np.isfinite(y[:, :, :2]).all()
    assert np.isnan(y[:, :, 2]).all()


def test_a_query_without_keys_gives_zeros_and_no_gradient():
    mask = np.zeros((3, 6), bool)
    mask[1] = True
    q = Tensor(Q.copy(), requires_grad=True)
    y = F.scaled_dot_product_attention(q, K, V, mask)
    y.sum().backward()
    np.testing.assert_array_equal(y.detach().numpy()[:, :, [0, 2]], np.zeros((2, 4, 2, 2)))
    assert not q.grad.numpy()[:, :, [0, 2]].any()
    np.testing.assert_allclose(y.detach()[:, :, 1], attention(Q, K, V)[:, :, 1])


def test_queries_share_keys():
    y = F.scaled_dot_product_attention(Q, K[:, :2], V[:, :2], enable_gqa=True)
    shared = np.repeat(K[:, :2], 2, 1), np.repeat(V[:, :2], 2, 1)
    np.testing.assert_allclose(y, attention(Q, *shared), rtol=1e-10)


def test_dropout_of_weights():
    cnet.manual_seed(0)
    ones = np.ones((1, 50, 4))
    y = F.scaled_dot_product_attention(ones, ones, ones, dropout_p=0.5).numpy()
    assert np.abs(y.mean() - 1) < 0.1
    assert y.std() > 0.05


def heads(x, weight, bias):
    """(length, n, e) to (n, 2 heads, length, e / 2)."""
    y = x @ weight.T + bias
    return y.reshape(*y.shape[:2], 2, -1).transpose(1, 2, 0, 3)


def expected_multi_head(x, y, module, added=0.0):
    e = module.embed_dim
    weights = module.in_proj_weight.detach().numpy().reshape(3, e, e)
    biases = module.in_proj_bias.detach().numpy().reshape(3, e)
    q, k, v = (heads(z, w, b) for z, w, b in zip((x, y, y), weights, biases, strict=True))
    out = attention(q, k, v, added).transpose(2, 0, 1, 3).reshape(*x.shape)
    return out @ module.out_proj.weight.detach().numpy().T + module.out_proj.bias.detach().numpy()


@pytest.fixture
def module():
    cnet.manual_seed(0)
    module = nn.MultiheadAttention(6, 2, dtype=np.float64)
    module.in_proj_bias.data.normal_()
    return module


X, Y = RNG.normal(size=(3, 2, 6)), RNG.normal(size=(4, 2, 6))
PADDING = np.array([[False, False, True, True], [False, True, False, False]])


@pytest.mark.parametrize("need_weights", [True, False])
def test_multi_head_attention(module, need_weights):
    options = {"need_weights": need_weights}
    out, weights = module(X, Y, Y, **options)
    np.testing.assert_allclose(out.detach(), expected_multi_head(X, Y, module), rtol=1e-9)
    assert (weights is None) != need_weights
    single, _ = module(X[:, 0], Y[:, 0], Y[:, 0], **options)
    np.testing.assert_allclose(single.detach(), out.detach()[:, 0], rtol=1e-9)
    hidden, _ = module(X, Y, Y, key_padding_mask=PADDING, **options)
    added = minus_infinity(~PADDING)[:, None, None]
    np.testing.assert_allclose(hidden.detach(), expected_multi_head(X, Y, module, added), rtol=1e-9)
    masked, _ = module(X, Y, Y, attn_mask=~MASK[:, :4], **options)
    added = minus_infinity(MASK[:, :4])
    np.testing.assert_allclose(masked.detach(), expected_multi_head(X, Y, module, added), rtol=1e-9)


def test_weights_and_the_order_of_axes(module):
    out, weights = module(X, Y, Y)
    assert weights.shape == (2, 3, 4)
    np.testing.assert_allclose(weights.detach().numpy().sum(-1), np.ones((2, 3)))
    _, each = module(X, Y, Y, average_attn_weights=False)
    np.testing.assert_allclose(each.detach().numpy().mean(1), weights.detach())
    module.batch_first = True
    swapped, _ = module(*(x.transpose(1, 0, 2) for x in (X, Y, Y)))
    np.testing.assert_allclose(swapped.detach(), out.detach().transpose(0, 1))


def test_gradients_of_multi_head_attention():
    module = nn.MultiheadAttention(
        4, 2, add_bias_kv=True, add_zero_attn=True, kdim=3, vdim=5, dtype=np.float64
    )
    names = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v",
             "out_proj.weight", "out_proj.bias"]  # fmt: skip
    assert [name for name, _ in module.named_parameters()] == names
    x, k, v = RNG.normal(size=(3, 2, 4)), RNG.normal(size=(4, 2, 3)), RNG.normal(size=(4, 2, 5))
    assert gradcheck(lambda *args: module(*args)[0], (x, k, v))
    module(x, k, v)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize(("same", "products"), [("qkv", 2), ("kv", 3), ("", 4)])
@pytest.mark.parametrize("batch_first", [False, True])
def test_inputs_that_are_the_same_are_multiplied_once(module, same, products, batch_first):
    module.batch_first = batch_first
    x, y = (z.transpose(1, 0, 2) if batch_first else z for z in (X, Y))
    query = cnet.tensor(x, requires_grad=True)
    key = query if same == "qkv" else cnet.tensor(y, requires_grad=True)
    value = key if same else key.clone()
    with listing_calls() as calls:
        out, _ = module(query, key, value, need_weights=False)
    assert sum(call.function is Linear for call in calls) == products
    separate, _ = module(query.clone(), key.clone(), value.clone(), need_weights=False)
    np.testing.assert_allclose(out.detach(), separate.detach(), rtol=1e-9)
    inputs = [query] if same == "qkv" else [query, key]
    grad = RNG.normal(size=out.shape)
    for given, expected in zip(
        cnet.autograd.grad(out, inputs, grad),
        cnet.autograd.grad(separate, inputs, grad),
        strict=True,
    ):
        np.testing.assert_allclose(given, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.scaled_dot_product_attention(Q, V, K), ValueError, "query and key must have"),
        (lambda: F.scaled_dot_product_attention(Q[0, 0, 0], K, V), ValueError, "2 dimensions"),
        (
            lambda: F.scaled_dot_product_attention(Q, K, V.astype(np.float32)), TypeError,
            "value.dtype must equal query.dtype",
        ),
        (
            lambda: F.scaled_dot_product_attention(Q, K, V, MASK, is_causal=True), RuntimeError,
            "attn_mask must be None",
        ),
        (
            lambda: F.scaled_dot_product_attention(Q, K, V, MASK.astype(int)), TypeError,
            "attn_mask.dtype must be bool",
        ),
        (
            lambda: F.scaled_dot_product_attention(Q, K[:, :3], V[:, :3], enable_gqa=True),
            ValueError, r"must divide those of query \(got 3 and 4\)",
        ),
        (lambda: nn.MultiheadAttention(6, 4), ValueError, "num_heads must divide embed_dim"),
        (lambda: nn.MultiheadAttention(6, 2)(X[0], Y, Y), ValueError, "2 or all have 3 dimensions"),
        (lambda: nn.MultiheadAttention(4, 2)(X, Y, Y), ValueError, "embed_dim_to_check"),
        (lambda: nn.MultiheadAttention(6, 2)(X, Y, Y[:2]), ValueError, "same length"),
        (
            lambda: nn.MultiheadAttention(6, 2, dtype=np.float64)(X, Y, Y, attn_mask=MASK),
            ValueError, r"attn_mask.shape must be \(3, 4\) or \(4, 3, 4\)",
        ),
        (
            lambda: nn.MultiheadAttention(6, 2, dtype=np.float64)(X, Y, Y, PADDING[:1]),
            ValueError, "key_padding_mask.shape",
        ),
        (
            lambda: nn.MultiheadAttention(6, 2)(X, Y, Y, is_causal=True), RuntimeError,
            "attn_mask must be given",
        ),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
