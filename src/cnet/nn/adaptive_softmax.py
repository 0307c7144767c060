"""The adaptive softmax: classes that are rare get less of the computation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import Array
from ..dtypes import DType
from ..operations import cat
from ..replay import values_of
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._arguments import integer
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class ASMoutput(NamedTuple):
    """The logarithms of the probabilities of the targets, and their negative mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """A softmax over many classes, which are sorted by descending frequency.

    The first classes, up to the first cutoff, are those of the head. The others form clusters, each
    of which is one more class of the head, and has two layers of its own with a small number of
    features in between. They are computed only for targets in the cluster.

    Parameters
    ----------
    in_features : int
        The number of features of the input.
    n_classes : int
        The number of classes.
    cutoffs : sequence of int
        The first class of each cluster, in ascending order.
    div_value : float, default 4.0
        Cluster i has ``in_features // div_value ** (i + 1)`` features.
    head_bias : bool, default False
        Whether the head has a bias.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters.

    Raises
    ------
    ValueError
        If `cutoffs` are not ascending integers from 1 to ``n_classes - 1``.
    RuntimeError, TypeError
        If another argument has an invalid type or value.

    References
    ----------
    E. Grave et al., "Efficient softmax approximation for GPUs", arXiv:1609.04309.

    Examples
    --------
    >>> import cnet
    >>> layer = cnet.nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 50])
    >>> output, loss = layer(cnet.randn(3, 16), cnet.tensor([2, 70, 20]))
    >>> output.shape, layer.log_prob(cnet.randn(3, 16)).shape
    ((3,), (3, 100))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_features = integer(name, "in_features", in_features, 0)
        self.n_classes = integer(name, "n_classes", n_classes)
        bounds = [integer(name, "cutoffs", cutoff) for cutoff in cutoffs]
        if not bounds or bounds != sorted({*bounds}) or bounds[-1] >= n_classes:
            raise ValueError(
                f"{name}: cutoffs must be ascending integers from 1 to n_classes - 1 "
                f"(got {bounds} and n_classes {n_classes})"
            )
        self.cutoffs = [*bounds, self.n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = bounds[0]
        self.n_clusters = len(bounds)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            features = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, features, False, device, dtype),
                    Linear(features, classes, False, device, dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new values of the parameters, as `Linear` does."""
        for layer in (self.head, *(layer for cluster in self.tail for layer in cluster)):
            layer.reset_parameters()

    def forward(self, input_: TensorLike, target_: TensorLike) -> ASMoutput:
        x, target = as_tensor(input_), values_of("AdaptiveLogSoftmaxWithLoss", array_of(target_))
        self._check(x, target)
        if target.ndim == 0:
            output, loss = self(x.unsqueeze(0), target[np.newaxis])
            return ASMoutput(output.squeeze(0), loss)
        cluster = np.searchsorted(self.cutoffs, target, side="right") - 1
        columns = np.where(cluster < 0, target, self.shortlist_size + cluster)
        output = F.log_softmax(self.head(x), 1).gather(1, Tensor(columns[:, np.newaxis]))
        for i, layers in enumerate(self.tail):
            rows = np.flatnonzero(cluster == i)
            if rows.size:
                places = Tensor((target[rows] - self.cutoffs[i])[:, np.newaxis])
                within = F.log_softmax(layers(x[rows]), 1).gather(1, places)
                output = output.index_add(0, Tensor(rows), within)
        output = output.squeeze(1)
        return ASMoutput(output, -output.mean())

    def _check(self, x: Tensor, target: Array) -> None:
        name = type(self).__name__
        if target.ndim > 1:
            raise RuntimeError(f"{name}: target must have 0 or 1 dimensions (got {target.ndim})")
        if x.ndim != target.ndim + 1 or x.shape[:-1] != target.shape:
            raise RuntimeError(
                f"{name}: input.shape[:-1] must equal target.shape (got {x.shape} and "
                f"{target.shape})"
            )
        if target.dtype.kind not in "iu":
            raise TypeError(f"{name}: target must be integers (got {target.dtype})")
        if target.size and not 0 <= target.min() <= target.max() < self.n_classes:
            raise RuntimeError(
                f"{name}: target must be between 0 and {self.n_classes - 1} "
                f"(got {target.min()} to {target.max()})"
            )

    def log_prob(self, input: TensorLike) -> Tensor:
        """The logarithms of the probabilities of all classes, shape (n, n_classes)."""
        x = as_tensor(input)
        head = F.log_softmax(self.head(x), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, layers in enumerate(self.tail):
            column = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(column + F.log_softmax(layers(x), 1))
        return cat(parts, 1)

    def predict(self, input: TensorLike) -> Tensor:
        """The most probable classes, shape (n,)."""
        return self.log_prob(input).argmax(1)
