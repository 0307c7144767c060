"""`torchvision.ops`: boxes of detectors, and layers of networks for images.

Boxes are rows (x1, y1, x2, y2), with x1 <= x2 and y1 <= y2.
"""

import sys

import numpy as np

from . import functional as F
from . import nn
from ._explained import explained
from .arrays import Array
from .models.layers import Conv2dNormActivation, Permute, SqueezeExcitation, StochasticDepth
from .operations import full, maximum, minimum
from .tensor import Tensor, TensorLike, array_of, as_tensor

__all__ = [
    "Conv2dNormActivation", "FrozenBatchNorm2d", "Permute", "SqueezeExcitation", "StochasticDepth",
    "batched_nms", "box_area", "box_iou", "nms", "sigmoid_focal_loss",
]  # fmt: skip

# Modules in torchvision.
boxes = misc = sys.modules[__name__]
sys.modules |= {f"{__name__}.{name}": misc for name in ("boxes", "misc")}


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization with statistics and parameters that are not trained.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, default 1e-5
        Added to the variance.

    Examples
    --------
    >>> import cnet
    >>> layer = cnet.ops.FrozenBatchNorm2d(3)
    >>> sorted(layer.state_dict())
    ['bias', 'running_mean', 'running_var', 'weight']
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in ("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1):
            self.register_buffer(name, full((num_features,), float(value)))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"


@explained
def sigmoid_focal_loss(
    inputs: TensorLike,
    targets: TensorLike,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: str = "none",
) -> Tensor:
    """Cross-entropy that gives elements which are already right little weight.

    Parameters
    ----------
    inputs : Tensor or ndarray, any shape
        Logits.
    targets : Tensor or ndarray, of the same shape and dtype
        1 for the positive class, 0 for the negative one.
    alpha : float, default 0.25
        The weight of the positive class; that of the other is ``1 - alpha``. No weights if it is
        negative.
    gamma : float, default 2
        The exponent of the probability of an error.
    reduction : str, default "none"
        ``"none"``, ``"mean"`` or ``"sum"``.

    Returns
    -------
    Tensor
        Of the shape of `inputs`, or a single number with a reduction.

    Raises
    ------
    ValueError
        If `reduction` is another one.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Examples
    --------
    >>> import cnet
    >>> cnet.ops.sigmoid_focal_loss(cnet.tensor([0.0, 2.0]), cnet.ones(2))
    tensor([0.0433, 0.0005])
    """
    inputs, targets = as_tensor(inputs), as_tensor(targets)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"sigmoid_focal_loss: reduction must be none, mean or sum (got {reduction!r})"
        )
    p = inputs.sigmoid()
    error = p * (1 - targets) + (1 - p) * targets
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none") * error**gamma
    if alpha >= 0:
        loss = loss * (alpha * targets + (1 - alpha) * (1 - targets))
    return loss if reduction == "none" else getattr(loss, reduction)()


@explained
def box_area(boxes: TensorLike) -> Tensor:
    """The area of each box, of shape (n,).

    Parameters
    ----------
    boxes : Tensor or ndarray (n, 4)

    Raises
    ------
    ValueError
        If `boxes` has another shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.ops.box_area(cnet.tensor([[0.0, 0.0, 2.0, 3.0]]))
    tensor([6.])
    """
    boxes = _boxes("box_area", "boxes", boxes)
    sides = boxes[:, 2:] - boxes[:, :2]
    return sides[:, 0] * sides[:, 1]


@explained
def box_iou(boxes1: TensorLike, boxes2: TensorLike) -> Tensor:
    """The intersection over the union of each pair of boxes.

    Parameters
    ----------
    boxes1 : Tensor or ndarray (n, 4)
    boxes2 : Tensor or ndarray (m, 4)

    Returns
    -------
    Tensor (n, m)

    Raises
    ------
    ValueError
        If a shape is not that of boxes.

    Examples
    --------
    >>> import cnet
    >>> a, b = cnet.tensor([[0.0, 0.0, 2.0, 2.0]]), cnet.tensor([[1.0, 0.0, 3.0, 2.0]])
    >>> cnet.ops.box_iou(a, b)
    tensor([[0.3333]])
    """
    first = _boxes("box_iou", "boxes1", boxes1)
    second = _boxes("box_iou", "boxes2", boxes2)
    start = maximum(first[:, None, :2], second[:, :2])
    end = minimum(first[:, None, 2:], second[:, 2:])
    sides = (end - start).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    return common / (box_area(first)[:, None] + box_area(second) - common)


@explained
def nms(boxes: TensorLike, scores: TensorLike, iou_threshold: float) -> Tensor:
    """The boxes that remain when each box suppresses those of lower scores that it overlaps.

    Parameters
    ----------
    boxes : Tensor or ndarray (n, 4)
    scores : Tensor or ndarray (n,)
    iou_threshold : float
        A box is suppressed if its intersection over union with a remaining one is greater.

    Returns
    -------
    Tensor (k,) of int64
        The positions of the remaining boxes, from the highest score to the lowest; of equal scores,
        the first comes first.

    Raises
    ------
    ValueError
        If a shape is another one.

    Examples
    --------
    >>> import cnet
    >>> boxes = cnet.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 6, 6]])
    >>> cnet.ops.nms(boxes, cnet.tensor([0.6, 0.9, 0.3]), 0.5)
    tensor([1, 2])
    """
    return _suppressed("nms", boxes, scores, None, iou_threshold)


@explained
def batched_nms(
    boxes: TensorLike, scores: TensorLike, idxs: TensorLike, iou_threshold: float
) -> Tensor:
    """The same as `nms` among the boxes of each class, which `idxs` (n,) numbers.

    Examples
    --------
    >>> import cnet
    >>> boxes = cnet.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3]])
    >>> cnet.ops.batched_nms(boxes, cnet.tensor([0.6, 0.9]), cnet.tensor([0, 1]), 0.5)
    tensor([1, 0])
    """
    return _suppressed("batched_nms", boxes, scores, idxs, iou_threshold)


def _suppressed(
    function: str,
    boxes: TensorLike,
    scores: TensorLike,
    idxs: TensorLike | None,
    iou_threshold: float,
) -> Tensor:
    rows = array_of(_boxes(function, "boxes", boxes).detach())
    order = np.argsort(-_per_box(function, "scores", scores, rows), kind="stable")
    classes = None if idxs is None else _per_box(function, "idxs", idxs, rows)
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        overlaps = array_of(box_iou(rows[best : best + 1], rows[order]))[0] > iou_threshold
        if classes is not None:
            overlaps &= classes[order] == classes[best]
        order = order[~overlaps]
    return Tensor(np.array(kept, np.int64))


def _boxes(function: str, name: str, boxes: TensorLike) -> Tensor:
    boxes = as_tensor(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{function}: {name} must have the shape (n, 4) (got {boxes.shape})")
    return boxes


def _per_box(function: str, name: str, values: TensorLike, boxes: Array) -> Array:
    array: Array = array_of(as_tensor(values).detach())
    if array.shape != boxes.shape[:1]:
        raise ValueError(
            f"{function}: {name} must have one number for each box (got shape {array.shape} and "
            f"{len(boxes)} boxes)"
        )
    return array
