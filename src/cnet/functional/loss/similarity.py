"""Losses of embeddings: functions of the similarity or distance of vectors."""

from collections.abc import Callable
from typing import TypeAlias

from ..._explained import explained
from ...operations.masks import where
from ...operations.selection import minimum
from ...tensor import Tensor, TensorLike, as_tensor
from ..distance import pairwise_distance
from ._reduction import reduced, reduction_of

__all__ = ["cosine_embedding_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss"]

Distance: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_EPSILON = 1e-12
"""Added to squared norms, so that vectors of zeros have a similarity."""


@explained
def cosine_embedding_loss(
    input1: TensorLike,
    input2: TensorLike,
    target: TensorLike,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""A loss of the cosine of the angle of two vectors.

    .. math::
        l = \begin{cases} 1 - \cos(x_1, x_2) & \text{if } t = 1 \\
        \max(0, \cos(x_1, x_2) - m) & \text{if } t = -1 \end{cases}

    Parameters
    ----------
    input1, input2 : Tensor or ndarray, shape (n, d) or (d,)
        The vectors.
    target : Tensor or ndarray, shape (n,) or ()
        The signs :math:`t`: 1 for similar and -1 for dissimilar vectors.
    margin : float, default 0
        The cosine :math:`m` up to which dissimilar vectors have no loss.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of items.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `target`

    Raises
    ------
    ValueError
        If shapes do not match, or `reduction` is invalid.

    Examples
    --------
    >>> import cnet
    >>> x1, x2 = cnet.tensor([[3.0, 4.0]]), cnet.tensor([[0.0, 2.0]])
    >>> cnet.functional.cosine_embedding_loss(x1, x2, cnet.tensor([1]))
    tensor(0.2)
    """
    function = "cosine_embedding_loss"
    reduction = reduction_of(function, reduction, size_average, reduce)
    input1, input2, target = as_tensor(input1), as_tensor(input2), as_tensor(target)
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        raise ValueError(
            f"{function}: input1 and input2 must have one dimension more than target, which must "
            "have 0 or 1 "
            f"(got shapes {input1.shape}, {input2.shape} and {target.shape})"
        )
    squares = ((x * x).sum(-1) + _EPSILON for x in (input1, input2))
    lengths = next(squares) * next(squares)
    cosine = (input1 * input2).sum(-1) / lengths.sqrt()
    similar = where(target == 1, 1 - cosine, 0.0)
    dissimilar = where(target == -1, (cosine - margin).clamp(min=0), 0.0)
    return reduced(similar + dissimilar, reduction)


@explained
def triplet_margin_loss(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The hinge loss of the distances of a vector from a similar and a dissimilar vector.

    .. math::
        l = \max(0, d(a, p) - d(a, n) + m)

    Parameters
    ----------
    anchor, positive, negative : Tensor or ndarray, shape (n, d) or (d,)
        The vectors :math:`a`, the similar vectors :math:`p` and the dissimilar ones :math:`n`.
    margin : float, default 1.0
        The margin :math:`m`; must be positive.
    p : float, default 2
        The exponent of the norm.
    eps : float, default 1e-6
        A small number that is added to each difference; see `pairwise_distance`.
    swap : bool, default False
        Use the smaller of :math:`d(a, n)` and :math:`d(p, n)` [1]_.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of items.

    Returns
    -------
    Tensor, shape (), or with reduction "none" shape (n,) or ()

    Raises
    ------
    RuntimeError
        If the vectors differ in their number of dimensions.
    ValueError
        If shapes do not broadcast, or an option is invalid.

    Examples
    --------
    >>> import cnet
    >>> anchor, positive, negative = cnet.tensor([[[0.0]], [[1.0]], [[1.5]]])
    >>> cnet.functional.triplet_margin_loss(anchor, positive, negative)
    tensor(0.5)

    References
    ----------
    .. [1] V. Balntas et al.: Learning local feature descriptors with triplets and shallow
       convolutional neural networks, BMVC 2016.
    """
    reduction = reduction_of("triplet_margin_loss", reduction, size_average, reduce)

    def distance(x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_distance(x1, x2, p, eps)

    losses = _triplets(
        "triplet_margin_loss", (anchor, positive, negative), distance, margin, swap
    )  # fmt: skip
    return reduced(losses, reduction)


@explained
def triplet_margin_with_distance_loss(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance.

    Parameters
    ----------
    anchor, positive, negative : Tensor or ndarray
        The vectors, the similar vectors and the dissimilar ones.
    distance_function : callable, optional
        Computes the distances of two tensors of vectors; `pairwise_distance` by default.
    margin : float, default 1.0
        The margin; must be positive.
    swap : bool, default False
        Use the distance of the dissimilar from the similar vector, if it is smaller.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of distances.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of the distances

    Raises
    ------
    RuntimeError
        If the vectors differ in their number of dimensions.
    ValueError
        If shapes do not broadcast, or an option is invalid.

    Examples
    --------
    >>> import cnet
    >>> anchor, positive, negative = cnet.tensor([[[0.0]], [[1.0]], [[1.5]]])
    >>> cnet.functional.triplet_margin_with_distance_loss(
    ...     anchor, positive, negative, distance_function=lambda x, y: ((x - y) ** 2).sum(-1)
    ... )
    tensor(0.)
    """
    function = "triplet_margin_with_distance_loss"
    reduction = reduction_of(function, reduction)
    distance = distance_function or pairwise_distance
    losses = _triplets(function, (anchor, positive, negative), distance, margin, swap)
    return reduced(losses, reduction)


def _triplets(
    function: str,
    vectors: tuple[TensorLike, TensorLike, TensorLike],
    distance: Distance,
    margin: float,
    swap: bool,
) -> Tensor:
    anchor, positive, negative = map(as_tensor, vectors)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            f"{function}: anchor, positive and negative must have the same number of dimensions "
            f"(got shapes {anchor.shape}, {positive.shape} and {negative.shape})"
        )
    if not margin > 0:
        raise ValueError(f"{function}: margin must be positive (got {margin})")
    far = distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return (margin + distance(anchor, positive) - far).clamp(min=0)
