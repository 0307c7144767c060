"""Measures of classifiers: of given scores, or collected over batches.

Scores have the shape (n, classes, ...). Targets are the numbers of classes, of shape (n, ...), or
probabilities of the shape of the scores, of which the largest counts.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from ._explained import Explained, explained
from .arrays import Array

__all__ = [
    "F1",
    "Accuracy",
    "ConfusionMatrix",
    "Mean",
    "Metric",
    "Precision",
    "Recall",
    "accuracy",
    "confusion_matrix",
    "f1",
    "precision",
    "recall",
]


class Metric(Explained):
    """Base class of measures that are collected over batches.

    A subclass defines `reset`, which sets the attributes that it names in `counts`, and `update`
    and `compute`.

    Attributes
    ----------
    is_fraction : bool
        Whether the result is between 0 and 1 and shown in percent.

    Examples
    --------
    >>> from cnet.metrics import Metric
    >>> class Samples(Metric):
    ...     is_fraction = False
    ...     counts = ("n",)
    ...     def reset(self):
    ...         self.n = 0
    ...     def update(self, scores, target):
    ...         self.n += len(target)
    ...     def compute(self):
    ...         return self.n
    >>> metric = Samples()
    >>> metric.update([[0.1, 0.9]], [1])
    >>> metric.compute()
    1
    """

    is_fraction: ClassVar[bool] = True
    counts: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define reset")

    def update(self, scores: Any, target: Any) -> None:
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def compute(self) -> Any:
        """The measure over all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far."""
        return {name: deepcopy(getattr(self, name)) for name in self.counts}

    @explained
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a result of `state_dict`."""
        if state_dict.keys() != {*self.counts}:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: state_dict must have the keys "
                f"{sorted(self.counts)} (got {sorted(state_dict)})"
            )
        for name, value in state_dict.items():
            setattr(self, name, deepcopy(value))


class Mean(Metric):
    """The weighted mean of numbers.

    Examples
    --------
    >>> from cnet.metrics import Mean
    >>> mean = Mean()
    >>> mean.update(1.0, weight=3)
    >>> mean.update(5.0)
    >>> mean.compute()
    2.0
    """

    is_fraction = False
    counts = ("total", "weight")

    def reset(self) -> None:
        """Forget all numbers."""
        self.total, self.weight = 0.0, 0.0

    @explained
    def update(self, value: Any, weight: float = 1.0) -> None:
        """Take a number into account."""
        self.total += float(value) * weight
        self.weight += weight

    def compute(self) -> float:
        """The mean; NaN without numbers."""
        return self.total / self.weight if self.weight else float("nan")


class Accuracy(Metric):
    """The fraction of samples whose class is among the `k` with the largest scores.

    Parameters
    ----------
    k : int, default 1
        Of equal scores, the one of the class with the lower number counts as larger.

    Raises
    ------
    ValueError
        If `k` is less than 1, or larger than the number of classes.

    Examples
    --------
    >>> from cnet.metrics import Accuracy
    >>> top2 = Accuracy(k=2)
    >>> top2.update([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2])
    >>> top2.compute()
    0.5
    """

    counts = ("correct", "samples")

    def __init__(self, k: int = 1) -> None:
        if k < 1:
            raise ValueError(f"Accuracy: k must be at least 1 (got {k})")
        self.k = k
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.correct = self.samples = 0

    def update(self, scores: Any, target: Any) -> None:
        """Take a batch into account."""
        values, classes = _batch("Accuracy", scores, target)
        first = self.k == 1
        hits = values.argmax(1) == classes if first else self._ranks(values, classes) < self.k
        self.correct += int(np.count_nonzero(hits))
        self.samples += hits.size

    def _ranks(self, scores: Array, classes: Array) -> Array:
        """How many scores of each sample are larger than that of its class."""
        if self.k > scores.shape[1]:
            raise ValueError(
                f"Accuracy: k must be at most the number of classes (got {self.k} and "
                f"{scores.shape[1]})"
            )
        own = np.take_along_axis(scores, np.expand_dims(classes, 1), axis=1)
        numbers = np.arange(scores.shape[1]).reshape(1, -1, *[1] * (scores.ndim - 2))
        before = numbers < np.expand_dims(classes, 1)
        # A comparison with NaN is false: negated, NaN is larger than all numbers.
        larger = ~(scores <= own) | ((scores == own) & before)
        return np.asarray(np.count_nonzero(larger, axis=1))

    def compute(self) -> float:
        """The fraction; NaN without samples."""
        return self.correct / self.samples if self.samples else float("nan")


class ConfusionMatrix(Metric):
    """How many samples of each class were assigned to each class.

    Parameters
    ----------
    num_classes : int

    Examples
    --------
    >>> from cnet.metrics import ConfusionMatrix
    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [0, 1, 1])
    >>> matrix.compute()
    array([[1, 0],
           [1, 1]])
    """

    is_fraction = False
    counts = ("matrix",)

    def __init__(self, num_classes: int) -> None:
        if num_classes < 1:
            raise ValueError(f"ConfusionMatrix: num_classes must be at least 1 (got {num_classes})")
        self.num_classes = num_classes
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, scores: Any, target: Any) -> None:
        """Take a batch into account."""
        values, classes = _batch("ConfusionMatrix", scores, target)
        found = max(values.shape[1], int(classes.max(initial=0)) + 1)
        if found > self.num_classes or classes.min(initial=0) < 0:
            raise ValueError(
                f"ConfusionMatrix: num_classes must be at least that of scores and target, and "
                f"targets at least 0 (got {self.num_classes} and {found}, smallest target "
                f"{classes.min(initial=0)})"
            )
        cells = classes.reshape(-1) * self.num_classes + values.argmax(1).reshape(-1)
        self.matrix += np.bincount(cells, minlength=self.matrix.size).reshape(self.matrix.shape)

    def compute(self) -> Array:
        """The counts: a row for each true class, a column for each predicted class."""
        return self.matrix.copy()


class _OfClasses(Metric):
    """Base of measures that scikit-learn computes from all predicted and true classes."""

    counts = ("predicted", "true")
    function: ClassVar[str]

    def __init__(self, average: str = "macro") -> None:
        averages = ("macro", "micro", "weighted")
        if average not in averages:
            raise ValueError(
                f"{type(self).__name__}: average must be one of {', '.join(averages)} "
                f"(got {average!r})"
            )
        self.average = average
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.predicted, self.true = np.empty(0, np.int64), np.empty(0, np.int64)

    def update(self, scores: Any, target: Any) -> None:
        """Take a batch into account."""
        values, classes = _batch(type(self).__name__, scores, target)
        self.predicted = np.append(self.predicted, values.argmax(1))
        self.true = np.append(self.true, classes)

    def compute(self) -> float:
        """The measure; NaN without samples."""
        try:
            from sklearn import metrics
        except ImportError as error:
            name = type(self).__name__
            raise ImportError(
                f"{name}: needs scikit-learn: pip install 'cnet-nn[train]'"
            ) from error
        if not self.true.size:
            return float("nan")
        score = getattr(metrics, self.function)
        return float(score(self.true, self.predicted, average=self.average, zero_division=0))


class Precision(_OfClasses):
    """The fraction of the samples assigned to a class that are of that class.

    Parameters
    ----------
    average : {"macro", "micro", "weighted"}, default "macro"
        The mean over the classes, with equal weights; of all samples together; or with the numbers
        of samples as weights. A class without predicted samples counts as 0.

    Raises
    ------
    ImportError
        From `compute`, if scikit-learn is not installed.

    Examples
    --------
    >>> from cnet.metrics import Precision
    >>> metric = Precision()
    >>> metric.update([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [0, 1, 1])
    >>> metric.compute()
    0.75
    """

    function = "precision_score"


class Recall(_OfClasses):
    """The fraction of the samples of a class that are assigned to it; see `Precision`."""

    function = "recall_score"


class F1(_OfClasses):
    """The harmonic mean of precision and recall; see `Precision`."""

    function = "f1_score"


@explained
def accuracy(scores: Any, target: Any, k: int = 1) -> float:
    """The fraction of samples whose class is among the `k` with the largest scores.

    Examples
    --------
    >>> from cnet import metrics
    >>> metrics.accuracy([[0.9, 0.1], [0.8, 0.2]], [0, 1])
    0.5
    """
    return float(_measure(Accuracy(k), scores, target))


@explained
def confusion_matrix(scores: Any, target: Any, num_classes: int | None = None) -> Array:
    """The number of samples of each true class (rows) and predicted class (columns).

    Parameters
    ----------
    scores, target : array_like
    num_classes : int, optional
        By default the number of scores of a sample.

    Examples
    --------
    >>> from cnet import metrics
    >>> metrics.confusion_matrix([[0.9, 0.1], [0.8, 0.2]], [0, 1])
    array([[1, 0],
           [1, 0]])
    """
    classes = _array(scores).shape[1] if num_classes is None else num_classes
    return np.asarray(_measure(ConfusionMatrix(classes), scores, target))


@explained
def precision(scores: Any, target: Any, average: str = "macro") -> float:
    """Precision of given scores; see `Precision`."""
    return float(_measure(Precision(average), scores, target))


@explained
def recall(scores: Any, target: Any, average: str = "macro") -> float:
    """Recall of given scores; see `Recall`."""
    return float(_measure(Recall(average), scores, target))


@explained
def f1(scores: Any, target: Any, average: str = "macro") -> float:
    """The harmonic mean of precision and recall of given scores; see `F1`."""
    return float(_measure(F1(average), scores, target))


def _measure(metric: Metric, scores: Any, target: Any) -> Any:
    metric.update(scores, target)
    return metric.compute()


def _array(values: Any) -> Array:
    return np.asarray(values.detach() if hasattr(values, "detach") else values)


def _batch(function: str, scores: Any, target: Any) -> tuple[Array, Array]:
    """Scores, and the numbers of the true classes."""
    values, classes = _array(scores), _array(target)
    if values.ndim < 2:
        raise ValueError(
            f"{function}: scores must have the shape (n, classes) (got {values.shape})"
        )
    if classes.ndim == values.ndim and classes.dtype.kind == "f":
        classes = classes.argmax(1)
    if classes.dtype.kind not in "iu":
        raise TypeError(f"{function}: target must be integers (got {classes.dtype})")
    if classes.shape != (len(values), *values.shape[2:]):
        raise ValueError(
            f"{function}: target must have the shape of scores without the axis of classes "
            f"(got {classes.shape} and {values.shape})"
        )
    return values, classes
