"""Evaluation of a classifier."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

from .. import functional as F
from ..autograd import no_grad
from ..inspection.layers import evaluation_mode
from ..metrics import Accuracy, Mean, Metric
from ..nn import Module
from ..tensor import Tensor, TensorLike, as_tensor

Loss: TypeAlias = Callable[[Tensor, Any], Tensor]
"""From scores of shape (n, classes) and n targets to the mean loss."""
Batches: TypeAlias = Iterable[tuple[TensorLike, TensorLike]]
"""Inputs and targets, batch by batch: a `DataLoader`, for example."""
Metrics: TypeAlias = Mapping[str, Metric]
"""Measures by their names."""


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`: measures over all samples.

    Attributes
    ----------
    loss : float
        The mean loss.
    metrics : dict
        The value of each metric.
    accuracy : float
        The value of the metric ``"accuracy"``.
    """

    loss: float
    metrics: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """The value of the metric ``"accuracy"``."""
        return float(self.metrics["accuracy"])


def fresh(function: str, metrics: Metrics | None) -> dict[str, Metric]:
    """Copies of metrics without counts; by default only the accuracy."""
    copies: dict[str, Metric] = dict(deepcopy(metrics or {}))
    if metrics is None:
        copies["accuracy"] = Accuracy()
    for name, metric in copies.items():
        if not isinstance(metric, Metric):
            raise TypeError(
                f"{function}: metrics[{name!r}] must be a Metric (got {type(metric).__name__})"
            )
        metric.reset()
    return copies


def pairs(function: str, name: str, loader: Any) -> Iterator[Any]:
    """The batches of a loader, each a pair of inputs and targets."""
    if not hasattr(loader, "__iter__"):
        raise TypeError(f"{function}: {name} must be an iterable (got {type(loader).__name__})")
    for batch in loader:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            count = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
            raise ValueError(
                f"{function}: {name} must give pairs of inputs and targets "
                f"(got a {type(batch).__name__}{count})"
            )
        yield batch


def evaluate(
    model: Module,
    loader: Batches,
    loss_fn: Loss = F.cross_entropy,
    metrics: Metrics | None = None,
) -> Evaluation:
    """Mean loss, accuracy and other measures of a classifier.

    The model is in evaluation mode meanwhile; afterwards every module has its former mode again.

    Parameters
    ----------
    model : Module
        From a batch of inputs to scores of shape (n, classes).
    loader : iterable of (Tensor, Tensor), or of (ndarray, ndarray)
        Batches of inputs and of n targets, each the number of a class.
    loss_fn : callable, default cross_entropy
        From scores and targets to the mean loss of a batch.
    metrics : mapping of str to Metric, optional
        What to measure; by default ``{"accuracy": cnet.metrics.Accuracy()}``. The metrics are
        copied.

    Returns
    -------
    Evaluation
        `loss`, `accuracy` and `metrics`. Every sample has the same weight in the means, for any
        batch size.

    Raises
    ------
    TypeError, ValueError
        If the model is no module, the loader gives no pairs, or there is no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> from cnet.utils.data import ArrayDataset, DataLoader
    >>> from cnet.training import evaluate
    >>> data = ArrayDataset(np.array([[3.0, 1.0], [0.0, 2.0]]), np.array([0, 0]))
    >>> evaluate(nn.Identity(), DataLoader(data)).accuracy
    0.5
    """
    if not isinstance(model, Module):
        raise TypeError(f"evaluate: model must be a Module (got {type(model).__name__})")
    measures, mean = fresh("evaluate", metrics), Mean()
    with evaluation_mode(model), no_grad():
        for x, target in pairs("evaluate", "loader", loader):
            scores = as_tensor(model(x))
            mean.update(loss_fn(scores, target).item(), len(target))
            for metric in measures.values():
                metric.update(scores, target)
    if not mean.weight:
        raise ValueError("evaluate: loader must give at least one sample (got none)")
    return Evaluation(mean.compute(), {name: metric.compute() for name, metric in measures.items()})
