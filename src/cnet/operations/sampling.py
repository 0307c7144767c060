"""Random tensors.

The random bits are those of NumPy. `generator` is a `Generator` or `numpy.random.Generator`, by
default the one that `manual_seed` seeds. The keyword arguments that all functions share are
documented in `zeros`.
"""

from typing import Any, TypeAlias, Unpack

import numpy as np

from .. import kernels
from .._explained import explained
from ..autograd import Array
from ..autograd.engine import wrap
from ..dtypes import float16, float32, get_default_dtype, int64
from ..tensor import Number, Tensor, TensorLike, array_of
from ._dims import broadcast
from ._draws import draw_integers, draw_normal, draw_uniform, draw_words, draw_zeros_and_ones
from ._options import (
    LikeOptions,
    OutOptions,
    Size,
    chosen_dtype,
    count_of,
    created,
    generator_of,
    like,
    sizes,
)
from .registry import operation

__all__ = [
    "bernoulli", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm",
]  # fmt: skip

Generator: TypeAlias = "np.random.Generator | None"

_least: Any = np.fmin.reduce  # NaN is not compared


def _of_size(
    function: str, draw: Any, size: tuple[Any, ...], generator: Generator, options: Any
) -> Tensor:
    shape = sizes(function, size, options)
    dtype = _float_dtype(function, chosen_dtype(function, options, get_default_dtype()))
    return created(function, draw(generator_of(function, generator), shape, dtype), options)


def _float_dtype(function: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind != "f":
        raise TypeError(f"{function}: dtype must be a float dtype (got {dtype})")
    return dtype


@explained
def rand(
    *size: Size, generator: Generator = None, **options: Unpack[OutOptions]
) -> Tensor:  # fmt: skip
    """Random numbers from the uniform distribution on [0, 1).

    Parameters
    ----------
    *size : int, or one sequence of int
        The shape.
    generator : Generator, optional
    **options
        Those of `zeros`.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If `dtype` is not a float dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.rand(2, 3).shape
    (2, 3)
    """
    return _of_size("rand", draw_uniform, size, generator, options)


@explained
def randn(
    *size: Size, generator: Generator = None, **options: Unpack[OutOptions]
) -> Tensor:  # fmt: skip
    """Random numbers from the standard normal distribution; arguments are those of `rand`.

    Examples
    --------
    >>> import cnet
    >>> cnet.randn(2, 3).shape
    (2, 3)
    """
    return _of_size("randn", draw_normal, size, generator, options)


@explained
def rand_like(
    input: TensorLike, *, generator: Generator = None, **options: Unpack[LikeOptions]
) -> Tensor:
    """Uniform random numbers in the shape of another tensor; arguments as in `zeros_like`.

    Examples
    --------
    >>> import cnet
    >>> cnet.rand_like(cnet.zeros(2, 3)).shape
    (2, 3)
    """
    return _like("rand_like", draw_uniform, input, generator, options)


@explained
def randn_like(
    input: TensorLike, *, generator: Generator = None, **options: Unpack[LikeOptions]
) -> Tensor:
    """Normal random numbers in the shape of another tensor; arguments as in `zeros_like`.

    Examples
    --------
    >>> import cnet
    >>> cnet.randn_like(cnet.zeros(2, 3)).shape
    (2, 3)
    """
    return _like("randn_like", draw_normal, input, generator, options)


def _like(
    function: str, draw: Any, input: TensorLike, generator: Generator, options: Any
) -> Tensor:  # fmt: skip
    source = generator_of(function, generator)
    return like(
        function, input, options,
        lambda shape, dtype: draw(source, shape, _float_dtype(function, dtype)),
    )  # fmt: skip


@explained
def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Generator = None,
    **options: Unpack[OutOptions],
) -> Tensor:  # fmt: skip
    """Random integers with equal probabilities: ``randint(high, size)`` or
    ``randint(low, high, size)``.

    Parameters
    ----------
    low : int, default 0
        The least integer.
    high : int
        The bound of the integers, exclusive.
    size : sequence of int
        The shape.
    generator : Generator, optional
    **options
        Those of `zeros`; the dtype is by default int64.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `low` is not less than `high`, or the dtype cannot hold the integers.

    Examples
    --------
    >>> import cnet
    >>> cnet.randint(5, 6, (3,))
    tensor([5, 5, 5])
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    shape = sizes("randint", (size,))
    dtype = chosen_dtype("randint", options, int64)
    source = generator_of("randint", generator)
    return created("randint", draw_integers("randint", source, low, high, shape, dtype), options)


@explained
def randint_like(
    input: TensorLike, low: int, high: int | None = None, *, generator: Generator = None,
    **options: Unpack[LikeOptions],
) -> Tensor:  # fmt: skip
    """Random integers in the shape of another tensor: ``randint_like(input, high)`` or
    ``randint_like(input, low, high)``; arguments are those of `randint` and `zeros_like`.

    Examples
    --------
    >>> import cnet
    >>> cnet.randint_like(cnet.zeros(2), 3, 4)
    tensor([3., 3.])
    """
    bounds = (0, low) if high is None else (low, high)
    source = generator_of("randint_like", generator)
    return like(
        "randint_like", input, options,
        lambda shape, dtype: draw_integers("randint_like", source, *bounds, shape, dtype),
    )  # fmt: skip


@explained
def randperm(
    n: int, *, generator: Generator = None, **options: Unpack[OutOptions]
) -> Tensor:  # fmt: skip
    """The integers 0 to n − 1 in random order.

    Parameters
    ----------
    n : int
    generator : Generator, optional
    **options
        Those of `zeros`; the dtype is by default int64.

    Returns
    -------
    Tensor, shape (n,)

    Raises
    ------
    ValueError
        If `n` is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    count = count_of("randperm", n)
    dtype = chosen_dtype("randperm", options, int64)
    order = kernels.random.permutation(draw_words(generator_of("randperm", generator), count))
    return created("randperm", order.astype(dtype, copy=False), options)


@explained
def normal(
    mean: Tensor | Number = 0.0, std: Tensor | Number = 1.0, size: Size | None = None, *,
    generator: Generator = None, **options: Unpack[OutOptions],
) -> Tensor:  # fmt: skip
    """Random numbers from normal distributions, each with its own mean and standard deviation.

    Parameters
    ----------
    mean, std : Tensor or number, default 0 and 1
        If both are numbers, `size` must be given. Tensors must broadcast.
    size : sequence of int, optional
        The shape, if both are numbers.
    generator : Generator, optional
    **options
        Those of `zeros`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If a standard deviation is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.normal(cnet.tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
    """
    tensors = [x for x in (mean, std) if isinstance(x, (Tensor, np.ndarray))]
    if bool(tensors) == (size is not None):
        raise TypeError("normal: size must be given if, and only if, mean and std are numbers")
    default = tensors[0].dtype if tensors else get_default_dtype()
    dtype = _float_dtype("normal", chosen_dtype("normal", options, default))
    source = generator_of("normal", generator)
    if size is not None:
        _check_deviation(std)
        shape = sizes("normal", (size,))
        drawn = draw_normal(source, shape, dtype, float(mean), float(std))
        return created("normal", drawn, options)
    if not isinstance(std, (Tensor, np.ndarray)):
        _check_deviation(std)
        means = array_of(mean)
        drawn = draw_normal(source, means.shape, dtype, 0.0, float(std))
        drawn += means
        return created("normal", drawn, options)
    means, deviations = array_of(mean), array_of(std)
    _check_deviation(_least(deviations, axis=None, initial=0))
    drawn = draw_normal(source, broadcast("normal", means.shape, deviations.shape), dtype)
    drawn *= deviations.astype(dtype, copy=False)
    drawn += means.astype(dtype, copy=False)
    return created("normal", drawn, options)


def _check_deviation(std: Any) -> None:
    if std < 0:
        raise ValueError(f"normal: std must not be negative (got {std})")


@operation(methods=("bernoulli",))
def bernoulli(
    input: TensorLike, p: float | None = None, *, generator: Generator = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Random zeros and ones, where each element is the probability of a one.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
        The probabilities.
    p : float, optional
        One probability for all elements, in place of `input`.
    generator : Generator, optional
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    ValueError
        If a probability is not in [0, 1].

    Examples
    --------
    >>> import cnet
    >>> cnet.bernoulli(cnet.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    probabilities = array_of(input)
    if p is None:
        _float_dtype("bernoulli", probabilities.dtype)
    drawn = draw_zeros_and_ones(
        "bernoulli", generator, probabilities if p is None else p, probabilities.shape
    )
    return wrap(drawn.astype(probabilities.dtype))  # type: ignore[return-value]


@operation(methods=("multinomial",))
def multinomial(
    input: TensorLike, num_samples: int, replacement: bool = False, *, generator: Generator = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Random positions, with probabilities proportional to the elements of each row.

    Parameters
    ----------
    input : Tensor or ndarray of floats, shape (n,) or (rows, n)
        The weights, which need not add up to 1.
    num_samples : int
        The number of positions that are drawn for each row.
    replacement : bool, default False
        Whether a position can be drawn several times.
    generator : Generator, optional
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor of int64, shape (num_samples,) or (rows, num_samples)

    Raises
    ------
    ValueError
        If a weight is negative or not finite, a row has no positive weight, or `num_samples` is not
        positive or, without replacement, greater than n.

    Examples
    --------
    >>> import cnet
    >>> cnet.multinomial(cnet.tensor([0.0, 2.0, 0.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    weights = array_of(input)
    _float_dtype("multinomial", weights.dtype)
    if weights.ndim not in (1, 2):
        raise ValueError(f"multinomial: input must have 1 or 2 dimensions (got {weights.ndim})")
    count = count_of("multinomial", num_samples)
    size = weights.shape[-1]
    if count == 0 or (count > size and not replacement):
        raise ValueError(
            "multinomial: num_samples must be positive and, without replacement, at most the "
            f"number of weights (got {count} and {size})"
        )
    if out is not None and out.dtype != int64:
        raise TypeError(f"multinomial: out must have dtype int64 (got {out.dtype})")
    source = generator_of("multinomial", generator)
    rows = weights.reshape(-1, size)
    if rows.dtype == float16:
        rows = rows.astype(float32)
    draw = _with_replacement if replacement else _without_replacement
    drawn = draw(source, rows, count)
    return wrap(drawn.reshape(*weights.shape[:-1], count))  # type: ignore[return-value]


def _with_replacement(source: Any, weights: Array, count: int) -> Array:
    return kernels.multinomial(weights, source.random((len(weights), count)))


def _without_replacement(source: Any, weights: Array, count: int) -> Array:
    sums = weights.sum(1, dtype=np.float64)
    if not (weights.min(initial=0) >= 0 and (sums > 0).all() and np.isfinite(sums).all()):
        raise ValueError(
            "multinomial: the weights of a row must not be negative, and have a positive, finite "
            f"sum (got a row with sum {sums.min()})"
        )
    # Of exponential waiting times with these rates, the shortest come first.
    waiting = np.asarray(source.standard_exponential(weights.shape, weights.dtype))
    with np.errstate(divide="ignore"):
        waiting /= weights
    if count < weights.shape[1]:
        first = np.argpartition(waiting, count - 1, 1)[:, :count]
        order = np.argsort(np.take_along_axis(waiting, first, 1), 1)
        return np.take_along_axis(first, order, 1)
    return np.argsort(waiting, 1)


@operation()
def poisson(input: TensorLike, generator: Generator = None) -> Tensor:
    """Random numbers from Poisson distributions, where each element is a mean.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
        The means, not negative.
    generator : Generator, optional

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Examples
    --------
    >>> import cnet
    >>> cnet.poisson(cnet.zeros(2))
    tensor([0., 0.])
    """
    means = array_of(input)
    _float_dtype("poisson", means.dtype)
    if not (means >= 0).all():
        raise ValueError("poisson: the elements of input must not be negative")
    return Tensor(np.asarray(generator_of("poisson", generator).poisson(means)).astype(means.dtype))
