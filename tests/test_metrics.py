"""Metrics of classifiers."""

import sys

import numpy as np
import pytest

import cnet
from cnet import metrics

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.9, 0.05, 0.05]])
TARGET = np.array([1, 2, 2, 0])


@pytest.mark.parametrize(("k", "expected"), [(1, 0.75), (2, 1.0), (3, 1.0)])
def test_accuracy(k, expected):
    assert metrics.accuracy(SCORES, TARGET, k) == expected
    assert metrics.accuracy(cnet.tensor(SCORES), cnet.tensor(TARGET), k) == expected


def test_of_equal_scores_the_lower_class_is_larger():
    ties = np.zeros((3, 3))
    assert metrics.accuracy(ties, [0, 1, 2], 1) == pytest.approx(1 / 3)
    assert metrics.accuracy(ties, [0, 1, 2], 2) == pytest.approx(2 / 3)


def test_nan_is_no_hit():
    scores = np.array([[np.nan, 1.0, 0.0]])
    assert [metrics.accuracy(scores, [1], k) for k in (1, 2)] == [0, 1]


def test_top_k_of_random_scores_is_what_sorting_finds():
    rng = np.random.default_rng(0)
    scores, target = rng.integers(0, 4, (200, 6)).astype(float), rng.integers(0, 6, 200)
    for k in (1, 2, 5):
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        assert metrics.accuracy(scores, target, k) == (best == target[:, None]).any(1).mean()


def test_images_of_classes_and_probabilities_as_targets():
    scores = np.moveaxis(SCORES.reshape(2, 2, 3), 2, 1)
    assert metrics.accuracy(scores, TARGET.reshape(2, 2)) == 0.75
    assert metrics.accuracy(SCORES, np.eye(3)[TARGET]) == 0.75


def test_batches_count_like_the_whole():
    rng = np.random.default_rng(0)
    scores, target = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    pytest.importorskip("sklearn")
    for metric in (metrics.Accuracy(2), metrics.ConfusionMatrix(3), metrics.F1("weighted")):
        metric.update(scores, target)
        whole, state = metric.compute(), metric.state_dict()
        metric.reset()
        for part in np.split(np.arange(50), [7, 20]):
            metric.update(scores[part], target[part])
        np.testing.assert_array_equal(metric.compute(), whole)
        metric.reset()
        metric.load_state_dict(state)
        np.testing.assert_array_equal(metric.compute(), whole)


def test_confusion_matrix():
    expected = [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    np.testing.assert_array_equal(metrics.confusion_matrix(SCORES, TARGET), expected)


def test_precision_recall_and_f1():
    pytest.importorskip("sklearn")
    assert metrics.precision(SCORES, TARGET) == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert metrics.recall(SCORES, TARGET) == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert metrics.f1(SCORES, TARGET) == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert metrics.f1(SCORES, TARGET, "micro") == 0.75


def test_without_samples_the_result_is_nan():
    pytest.importorskip("sklearn")
    for metric in (metrics.Mean(), metrics.Accuracy(), metrics.F1()):
        assert np.isnan(metric.compute())


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        ImportError, match=r"F1: needs scikit-learn: pip install 'cnet-nn\[train\]'"
    ):
        metrics.f1(SCORES, TARGET)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: metrics.Accuracy(0), ValueError, r"k must be at least 1 \(got 0\)"),
        (lambda: metrics.accuracy(SCORES, TARGET, 4), ValueError, r"number of classes \(got 4 and"),
        (lambda: metrics.accuracy([1.0], [0]), ValueError, r"scores must have the shape"),
        (lambda: metrics.accuracy(SCORES, [0]), ValueError, r"target must have the shape"),
        (lambda: metrics.accuracy(SCORES, [0.5] * 4), TypeError, "target must be integers"),
        (lambda: metrics.ConfusionMatrix(0), ValueError, "num_classes must be at least 1"),
        (lambda: metrics.confusion_matrix(SCORES, TARGET, 2), ValueError, r"\(got 2 and 3"),
        (lambda: metrics.F1("none"), ValueError, "average must be one of macro, micro, weighted"),
        (lambda: metrics.Accuracy().load_state_dict({}), ValueError, "must have the keys"),
    ],
)
def test_invalid_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
