"""Captured steps in which functions compute with NumPy, or decide by values."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.nn.utils.rnn import pack_padded_sequence

MHA = cnet.nn.MultiheadAttention(2, 1, batch_first=True)
FIRST = np.float32([3, -2, 1.5, -0.7, 0.2, -0.3, 1, 1])
OTHERS = [
    np.float32([-1, 2, -3, 0.4, 0.6, 0.1, -2, 4]),
    np.float32([1, np.nan, 3, 4, -5, 6, 7, -8]),
    np.float32([2, 2, -0.5, -0.2, 0.1, -6, -1, 0]),
]


def heads(x):
    tokens, padding = x.reshape(1, 4, 2), cnet.stack([x[0] > 9, *(x[1:4] > 0)])[None]
    return MHA(tokens, tokens, tokens, key_padding_mask=padding)[0]


def ctc(x):
    lengths = 1 + (x[:1] > 0).long()
    scores = x.reshape(4, 1, 2).log_softmax(2)
    targets = cnet.tensor([[1, 1]])
    return F.ctc_loss(scores, targets, cnet.tensor([4]), lengths, zero_infinity=True)


AGAIN = {
    "any": lambda x: (x > 0).reshape(2, 4).any(1),
    "argmax": lambda x: x.reshape(2, 4).argmax(1),
    "attention": heads,
    "attn_mask": lambda x: F.scaled_dot_product_attention(
        x.reshape(4, 2), x.reshape(4, 2), x.reshape(4, 2), attn_mask=x[:4] > -9
    ),
    "bytes": lambda x: x[(x[4:] > 9).repeat(2).byte()].sum(),
    "count_nonzero": lambda x: cnet.count_nonzero(x > 0),
    "ctc_loss": ctc,
    "cummax": lambda x: cnet.cummax(x, 0).indices,
    "isclose": lambda x: cnet.isclose(x, x.round(), atol=0.3),
    "isin": lambda x: cnet.isin((x > 0).long(), cnet.tensor([1])),
    "mode": lambda x: cnet.mode(x.round()).values,
    "nanmean": cnet.nanmean,
    "nansum": cnet.nansum,
    "one_hot": lambda x: F.one_hot((x > 0).long(), 3),
    "quantile": lambda x: cnet.quantile(x, 0.3),
    "rank": lambda x: cnet.linalg.matrix_rank(x.nan_to_num().round().reshape(2, 4)),
    "searchsorted": lambda x: cnet.bucketize(x, cnet.tensor([-1.0, 0.0, 1.0])),
    "take_along_dim": lambda x: cnet.take_along_dim(x, (x > 0).long() - 1),
}


@pytest.mark.parametrize("name", AGAIN)
def test_replays_compute_again_what_numpy_computes(name):
    function = AGAIN[name]
    step = cnet.capture(function)
    for _ in range(4):
        step(cnet.tensor(FIRST))
    assert step.replayed == 1
    for x in map(cnet.tensor, OTHERS):
        np.testing.assert_array_equal(step(x).numpy(), function(x).detach().numpy())


DECIDED = {
    "allclose": lambda x: x * cnet.allclose(x, x.abs()),
    "argwhere": lambda x: cnet.argwhere(x > 0),
    "arange": lambda x: cnet.arange((x > 0).sum()),
    "bincount": lambda x: cnet.bincount((x > 0).long()),
    "embedding_bag": lambda x: F.embedding_bag(
        (x > 0).long(), cnet.ones(2, 2), cnet.stack([(x > 99).sum(), (x > 0).sum()])
    ),
    "equal": lambda x: x * cnet.equal(x, x.abs()),
    "histc": lambda x: cnet.histc(x, 4),
    "index": lambda x: x[(x > 0).sum()],
    "nonzero": lambda x: x[cnet.nonzero(x > 0)[:, 0]].sum(),
    "nanquantile": lambda x: cnet.nanquantile(x, 0.3),
    "one_hot": lambda x: F.one_hot((x > 0).long()),
    "pack": lambda x: (
        pack_padded_sequence(x.reshape(4, 2, 1), (x[:2] > 0).long() + 1, enforce_sorted=False).data
    ),
    "repeats": lambda x: cnet.repeat_interleave(x, (x > 0).long()),
    "tensor_split": lambda x: cnet.tensor_split(x, (x > 0).sum().reshape(1))[0],
    "unique": lambda x: cnet.unique(x.round()),
}


@pytest.mark.parametrize("name", DECIDED)
def test_functions_that_decide_by_values_are_refused(name):
    step = cnet.capture(DECIDED[name], strict=False)
    for _ in range(4):
        step(cnet.tensor(FIRST))
    assert "reads values" in step.refusal


def test_masks_select_as_many_elements_in_each_step():
    step = cnet.capture(lambda x: x[x > 0])
    for _ in range(4):
        step(cnet.tensor(FIRST))
    assert step.replayed == 1
    with pytest.raises(cnet.CaptureError, match=r"Index .*got \(3,\) and \(5,\)"):
        step(cnet.tensor(OTHERS[2]))
    step = cnet.capture(lambda x: x[x > 0])
    step(cnet.tensor(FIRST))
    step(cnet.tensor(FIRST))
    with pytest.raises(cnet.CaptureError, match="cannot be captured: the shape of what Index"):
        step(cnet.tensor(OTHERS[2]))


def test_masks_that_a_step_computes_are_not_captured_unless_it_is_strict():
    fixed = cnet.tensor(FIRST) > 0
    for function, is_captured in ((lambda x: x[x > 0], False), (lambda x: x[fixed], True)):
        step = cnet.capture(function, strict=False)
        for _ in range(4):
            step(cnet.tensor(FIRST))
        assert step.replayed == is_captured
        for x in map(cnet.tensor, OTHERS):
            np.testing.assert_array_equal(step(x).numpy(), function(x).numpy())


@pytest.mark.parametrize("function", ["mul", "where", "clone", "masked_fill", "double"])
def test_results_have_the_layout_of_eager_steps(function):
    """Sums in another order have other bits."""
    functions = {
        "mul": lambda x: x * x,
        "where": lambda x: cnet.where(x > 0, x, x),
        "clone": lambda x: x.clone(),
        "masked_fill": lambda x: x.masked_fill(x > 1, 0.5),
        "double": lambda x: x.double(),
    }

    def step(x):
        y = functions[function](x.transpose(0, 2))
        strides.add(y.stride())
        return y.sum()

    strides = set()
    captured = cnet.capture(step)
    rng = np.random.default_rng(0)
    for _ in range(6):
        x = cnet.tensor(rng.standard_normal((6, 3, 8), np.float32))
        assert captured(x).item() == step(x).item()
    assert strides == {(1, 8, 24)}
