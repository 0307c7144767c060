"""ctc_loss against the sum over all alignments."""

from itertools import groupby, product

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(4, 3, 3))
TARGETS = np.array([[1, 2], [2, 2], [1, 0]])
INPUT_LENGTHS, TARGET_LENGTHS = [4, 3, 2], [2, 2, 1]
JOINED = np.array([1, 2, 2, 2, 1])


def logarithms(scores):
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def expected(log_probs, target, blank=0):
    """The negative logarithm of the probability of all paths that give the target."""
    total = 0.0
    for path in product(range(log_probs.shape[1]), repeat=len(log_probs)):
        if [label for label, _ in groupby(path) if label != blank] == list(target):
            total += np.exp(sum(log_probs[t, label] for t, label in enumerate(path)))
    return -np.log(total)


LOSSES = np.array(
    [
        expected(logarithms(SCORES)[:steps, n], TARGETS[n, :labels])
        for n, (steps, labels) in enumerate(zip(INPUT_LENGTHS, TARGET_LENGTHS, strict=True))
    ]
)


@pytest.mark.parametrize("targets", [TARGETS, JOINED], ids=["padded", "joined"])
def test_values(targets):
    def loss(reduction):
        return F.ctc_loss(
            logarithms(SCORES), targets, INPUT_LENGTHS, TARGET_LENGTHS, reduction=reduction
        )

    np.testing.assert_allclose(loss("none"), LOSSES, rtol=1e-12)
    np.testing.assert_allclose(loss("sum"), LOSSES.sum(), rtol=1e-12)
    np.testing.assert_allclose(loss("mean"), (LOSSES / TARGET_LENGTHS).mean(), rtol=1e-12)


def test_another_blank_and_a_single_item():
    log_probs = logarithms(SCORES)[:, 0]
    loss = F.ctc_loss(log_probs, np.array([0, 1]), np.array(4), np.array(2), blank=2)
    assert loss.shape == ()
    np.testing.assert_allclose(2 * loss, expected(log_probs, [0, 1], blank=2), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_gradients_through_log_softmax(reduction):
    def loss(scores):
        return F.ctc_loss(
            F.log_softmax(scores, -1), TARGETS, INPUT_LENGTHS, TARGET_LENGTHS, reduction=reduction
        )

    assert gradcheck(loss, SCORES)


def test_gradients_of_repeated_and_different_labels():
    scores, targets = RNG.normal(size=(5, 2, 3)), np.array([[1, 1, 2], [2, 1, 1]])
    lengths = [5, 5], [3, 3]
    losses = F.ctc_loss(logarithms(scores), targets, *lengths, reduction="none")
    wanted = [expected(logarithms(scores)[:, n], targets[n]) for n in range(2)]
    np.testing.assert_allclose(losses, wanted, rtol=1e-12)
    assert gradcheck(lambda x: F.ctc_loss(F.log_softmax(x, -1), targets, *lengths), scores)


def test_no_labels_and_no_steps():
    log_probs = logarithms(SCORES)
    losses = F.ctc_loss(log_probs, np.zeros((3, 0), int), [4, 1, 0], [0, 0, 0], reduction="none")
    np.testing.assert_allclose(losses, [-log_probs[:, 0, 0].sum(), -log_probs[0, 1, 0], 0])
    losses = F.ctc_loss(log_probs[:, :1], [[1]], [0], [1], reduction="none")
    np.testing.assert_array_equal(losses, [np.inf])


def test_infinite_losses_can_be_zero():
    """Two equal labels need three steps."""
    x = Tensor(SCORES[:2, :2].copy(), requires_grad=True)
    args = F.log_softmax(x, -1), np.array([[1, 1], [1, 2]]), [2, 2], [2, 2]
    assert F.ctc_loss(*args, reduction="none")[0].item() == np.inf
    losses = F.ctc_loss(*args, reduction="none", zero_infinity=True)
    assert losses[0].item() == 0
    losses.sum().backward()
    assert not x.grad.numpy()[:, 0].any()
    assert x.grad.numpy()[:, 1].all()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"blank": 3}, ValueError, "blank must be at least 0 and less than the number of classes"),
        ({"targets": TARGETS + 1}, ValueError, "targets must be at least 0 .*got 3 and 3"),
        ({"targets": JOINED[1:]}, ValueError, "targets.shape"),
        ({"targets": TARGETS[:, :1]}, ValueError, "targets.shape"),
        ({"targets": TARGETS * 0.5}, TypeError, "targets must have an integer dtype"),
        (
            {"input_lengths": [4, 5, 1]},
            ValueError,
            "input_lengths must be at least 0 and at most .*got 5 and 4",
        ),
        ({"input_lengths": [4, 3]}, ValueError, r"input_lengths.shape must equal \(n,\)"),
        ({"target_lengths": [2, 2, 3]}, ValueError, "target_lengths .* at most .*got 3 and 2"),
        ({"target_lengths": [-1, 1, 1]}, ValueError, "target_lengths must be at least 0"),
        ({"log_probs": SCORES[0, 0]}, ValueError, "log_probs must have 2 or 3 dimensions"),
        ({"log_probs": np.ones((4, 3, 3), int)}, TypeError, "float dtype"),
        ({"reduction": "max"}, ValueError, "reduction"),
    ],
    ids=str,
)
def test_errors(changes, error, message):
    good = {
        "log_probs": SCORES, "targets": TARGETS, "input_lengths": INPUT_LENGTHS,
        "target_lengths": TARGET_LENGTHS,
    }  # fmt: skip
    with pytest.raises(error, match=f"ctc_loss: .*{message}"):
        F.ctc_loss(**{**good, **changes})
