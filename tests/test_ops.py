"""Boxes of detectors, against formulas written out for each pair."""

import numpy as np
import pytest

import cnet
from cnet import ops


def _boxes(count, seed=0):
    start = np.random.default_rng(seed).uniform(0, 8, (count, 2))
    return np.hstack([start, start + np.random.default_rng(seed + 1).uniform(0.5, 4, (count, 2))])


def _iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(areas) - common)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_intersections(dtype):
    a, b = _boxes(5).astype(dtype), _boxes(7, 3).astype(dtype)
    expected = [[_iou(x, y) for y in b] for x in a]
    found = ops.box_iou(cnet.tensor(a), b)
    assert found.dtype == dtype
    assert np.allclose(found, expected, rtol=1e-5)
    assert np.count_nonzero(expected) not in (0, 35)


def test_intersections_have_gradients():
    boxes = cnet.tensor(_boxes(3), requires_grad=True)
    assert cnet.gradcheck(lambda b: ops.box_iou(b, _boxes(2, 5)), boxes)


def _remaining(boxes, scores, threshold, classes):
    kept = []
    for best in sorted(range(len(boxes)), key=lambda n: -scores[n]):
        overlaps = (
            _iou(boxes[best], boxes[n]) > threshold and classes[best] == classes[n] for n in kept
        )
        if not any(overlaps):
            kept.append(best)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 1.0])
def test_suppression(threshold):
    boxes, scores = _boxes(40), np.random.default_rng(9).integers(0, 20, 40) / 20
    classes = np.random.default_rng(8).integers(0, 3, 40)
    kept = ops.nms(cnet.tensor(boxes), cnet.tensor(scores), threshold)
    assert kept.dtype == np.int64
    assert kept.tolist() == _remaining(boxes, scores, threshold, np.zeros(40))
    by_class = ops.batched_nms(boxes, scores, classes, threshold)
    assert by_class.tolist() == _remaining(boxes, scores, threshold, classes)
    assert ops.nms(cnet.zeros(0, 4), cnet.zeros(0), threshold).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.box_area(np.zeros(4)), r"box_area: boxes must have .* \(got \(4,\)\)"),
        (lambda: ops.box_iou(_boxes(2), np.zeros((2, 5))), "box_iou: boxes2 must have the shape"),
        (lambda: ops.nms(_boxes(2), np.zeros(3), 0.5), r"nms: scores .*\(3,\) and 2 boxes"),
        (lambda: ops.batched_nms(_boxes(2), np.zeros(2), np.zeros(1), 0.5), "batched_nms: idxs"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- Layers and losses ---------------------------------------------------------------------------


def test_a_frozen_norm_is_that_of_its_buffers():
    layer = ops.misc.FrozenBatchNorm2d(3, eps=0.01).double()
    random = np.random.default_rng(0)
    state = {name: cnet.tensor(random.uniform(1, 2, 3)) for name in layer.state_dict()}
    layer.load_state_dict(state)
    x = cnet.tensor(random.standard_normal((2, 3, 4, 5)), requires_grad=True)
    column = {name: value.view(1, -1, 1, 1).numpy() for name, value in state.items()}
    scale = column["weight"] / np.sqrt(column["running_var"] + 0.01)
    for mode in (True, False):
        y = layer.train(mode)(x)
        expected = (x.detach().numpy() - column["running_mean"]) * scale + column["bias"]
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12)
        x.grad = None
        y.sum().backward()
        np.testing.assert_allclose(x.grad, np.broadcast_to(scale, x.shape), rtol=1e-12)
    assert not list(layer.parameters())
    assert repr(layer) == "FrozenBatchNorm2d(3, eps=0.01)"


@pytest.mark.parametrize("alpha", [0.25, -1.0])
@pytest.mark.parametrize("gamma", [0.0, 2.0, 1.5])
def test_focal_loss(alpha, gamma):
    random = np.random.default_rng(0)
    logits, targets = random.standard_normal((4, 5)), random.integers(0, 2, (4, 5))
    p = 1 / (1 + np.exp(-logits))
    right = np.where(targets == 1, p, 1 - p)
    weight = np.where(targets == 1, alpha, 1 - alpha) if alpha >= 0 else 1
    expected = -weight * (1 - right) ** gamma * np.log(right)
    x, y = cnet.tensor(logits, requires_grad=True), cnet.tensor(targets * 1.0)
    np.testing.assert_allclose(
        ops.sigmoid_focal_loss(x, y, alpha, gamma).detach(), expected, rtol=1e-9
    )
    for reduction in ("mean", "sum"):
        found = ops.sigmoid_focal_loss(x, y, alpha, gamma, reduction)
        np.testing.assert_allclose(found.item(), getattr(expected, reduction)())
    assert cnet.gradcheck(lambda x: ops.sigmoid_focal_loss(x, y, alpha, gamma), (x,))


def test_errors_of_focal_loss():
    with pytest.raises(ValueError, match=r"reduction must be none, mean or sum \(got 'max'\)"):
        ops.sigmoid_focal_loss(cnet.ones(2), cnet.ones(2), reduction="max")
    with pytest.raises(ValueError, match="do not broadcast"):
        ops.sigmoid_focal_loss(cnet.ones(2), cnet.ones(3))
