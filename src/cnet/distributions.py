"""`torch.distributions`: the distributions of variational autoencoders, policies and mixed batches.

Parameters are broadcast to one shape, `batch_shape`. Random numbers come from the generator that
`cnet.manual_seed` seeds. `rsample` is differentiable with respect to the parameters.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from . import operations as ops
from ._explained import Explained
from .functional.loss.binary import binary_cross_entropy_with_logits
from .functional.softmax import log_softmax
from .random import default_generator
from .tensor import Operand, Tensor, as_tensor

__all__ = [
    "Bernoulli", "Beta", "Categorical", "Distribution", "Normal", "OneHotCategorical", "Uniform",
    "kl_divergence",
]  # fmt: skip

Numbers: TypeAlias = Operand | Sequence[Any]
"""Parameters of distributions: tensors, or what can be converted to them."""

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Distribution(Explained):
    """Base class: a subclass defines `sample` or `rsample`, `log_prob`, `entropy` and `mean`.

    Attributes
    ----------
    batch_shape : tuple of int
        The shape of the parameters.
    event_shape : tuple of int
        The shape of one sample.
    """

    has_rsample = False
    event_shape: tuple[int, ...] = ()

    def __init__(self, batch_shape: Sequence[int]) -> None:
        self.batch_shape = tuple(batch_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample through which gradients propagate."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample of shape ``sample_shape + batch_shape + event_shape``."""
        return self.rsample(sample_shape).detach()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability, or of its density, at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def entropy(self) -> Tensor:
        """The entropy, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def _shape(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        return (*sample_shape, *self.batch_shape, *self.event_shape)


def _parameters(*values: Any) -> list[Tensor]:
    """Tensors of one shape and dtype."""
    tensors = [as_tensor(value) for value in values]
    tensors = [t if t.dtype.kind == "f" else t.float() for t in tensors]
    equal = len({tensor.shape for tensor in tensors}) == 1
    return tensors if equal else list(ops.broadcast_tensors(*tensors))


def _require(distribution: object, name: str, condition: Any, what: str, value: Tensor) -> None:
    if not condition.all():
        raise ValueError(f"{type(distribution).__name__}: {name} must be {what} (got {value})")


def _one_of(distribution: object, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ValueError(f"{type(distribution).__name__}: give exactly one of probs and logits")


class Normal(Distribution):
    """The normal distribution.

    Parameters
    ----------
    loc : Tensor or float
        The mean.
    scale : Tensor or float
        The standard deviation, positive. Both are broadcast to `batch_shape`, in float32 or
        float64; other numbers become float32.
    validate_args : bool, optional
        Has no effect: parameters are always checked.

    Raises
    ------
    ValueError
        If `scale` is not positive.

    Examples
    --------
    >>> from cnet.distributions import Normal
    >>> Normal(0.0, 2.0).log_prob(1.0)
    tensor(-1.7371)
    """

    has_rsample = True

    def __init__(self, loc: Numbers, scale: Numbers, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _parameters(loc, scale)
        _require(self, "scale", self.scale > 0, "positive", self.scale)
        super().__init__(self.loc.shape)
        self.mean, self.stddev, self.variance = self.loc, self.scale, self.scale**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = default_generator().standard_normal(self._shape(sample_shape), np.float64)
        return self.loc + self.scale * noise.astype(self.loc.dtype)

    def log_prob(self, value: Any) -> Tensor:
        distance = (as_tensor(value) - self.loc) / self.scale
        return -0.5 * distance**2 - self.scale.log() - HALF_LOG_2PI

    def entropy(self) -> Tensor:
        return self.scale.log() + (0.5 + HALF_LOG_2PI)


class Uniform(Distribution):
    """The uniform distribution between two numbers.

    Parameters
    ----------
    low, high : Tensor or float
        The bounds, broadcast to `batch_shape`, in float32 or float64.
    validate_args : bool, optional
        Has no effect: parameters are always checked.

    Raises
    ------
    ValueError
        If `high` is not greater than `low`, or `log_prob` gets a value outside of them.

    Examples
    --------
    >>> from cnet.distributions import Uniform
    >>> Uniform(1.0, 3.0).mean
    tensor(2.)
    """

    has_rsample = True

    def __init__(self, low: Numbers, high: Numbers, validate_args: bool | None = None) -> None:
        self.low, self.high = _parameters(low, high)
        _require(self, "high", self.high > self.low, "greater than low", self.high)
        super().__init__(self.low.shape)
        self.mean = (self.low + self.high) / 2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = default_generator().random(self._shape(sample_shape))
        return self.low + (self.high - self.low) * noise.astype(self.low.dtype)

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(value)
        inside = (value >= self.low) & (value <= self.high)
        _require(self, "value", inside, "between low and high", value)
        return ops.where(value < self.high, -self.entropy(), -math.inf)

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Bernoulli(Distribution):
    """1 with a probability, otherwise 0.

    Parameters
    ----------
    probs : Tensor or float
        The probability of 1, of shape `batch_shape`, in float32 or float64.
    logits : Tensor or float
        Numbers whose sigmoid is the probability. Exactly one of both is given.
    validate_args : bool, optional
        Has no effect: parameters are always checked.

    Raises
    ------
    ValueError
        If both or none are given, a probability is not between 0 and 1, or `log_prob` gets a
        value other than 0 and 1.

    Examples
    --------
    >>> from cnet.distributions import Bernoulli
    >>> Bernoulli(logits=0.0).probs
    tensor(0.5)
    """

    def __init__(
        self,
        probs: Numbers | None = None,
        logits: Numbers | None = None,
        validate_args: bool | None = None,
    ) -> None:
        _one_of(self, probs, logits)
        if logits is not None:
            (self.logits,) = _parameters(logits)
            self.probs = self.logits.sigmoid()
        else:
            (self.probs,) = _parameters(probs)
            valid = (self.probs >= 0) & (self.probs <= 1)
            _require(self, "probs", valid, "between 0 and 1", self.probs)
            self.logits = self.probs.logit(float(np.finfo(self.probs.dtype).eps))
        super().__init__(self.probs.shape)
        self.mean = self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        draws = default_generator().random(self._shape(sample_shape))
        return (as_tensor(draws) < self.probs.detach()).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(value)
        _require(self, "value", (value == 0) | (value == 1), "0 or 1", value)
        return -self.cross_entropy(value)

    def entropy(self) -> Tensor:
        return self.cross_entropy(self.probs)

    def cross_entropy(self, probs: Tensor) -> Tensor:
        """The cross-entropy of the distribution with other probabilities and this one."""
        probs, logits = ops.broadcast_tensors(probs, self.logits)
        return binary_cross_entropy_with_logits(logits, probs, reduction="none")


class Categorical(Distribution):
    """A number from 0 to k - 1.

    Parameters
    ----------
    probs : Tensor, shape batch_shape + (k,)
        Weights of the numbers, at least 0, in float32 or float64; divided by their sum.
    logits : Tensor, shape batch_shape + (k,)
        Numbers whose softmax are the probabilities. Exactly one of both is given.
    validate_args : bool, optional
        Has no effect: parameters are always checked.

    Raises
    ------
    ValueError
        If both or none are given, they have no dimension, or a weight is negative.

    Examples
    --------
    >>> import cnet
    >>> from cnet.distributions import Categorical
    >>> Categorical(cnet.tensor([1.0, 3.0])).log_prob(1)
    tensor(-0.2877)
    """

    def __init__(
        self,
        probs: Numbers | None = None,
        logits: Numbers | None = None,
        validate_args: bool | None = None,
    ) -> None:
        _one_of(self, probs, logits)
        (given,) = _parameters(probs if logits is None else logits)
        if given.ndim == 0:
            raise ValueError(f"{type(self).__name__}: probs or logits must have a dimension")
        if logits is not None:
            self.logits = log_softmax(given, -1)
            self.probs = self.logits.exp()
        else:
            _require(self, "probs", given >= 0, "at least 0", given)
            self.probs = given / given.sum(-1, keepdim=True)
            eps = float(np.finfo(given.dtype).eps)
            self.logits = self.probs.clamp(eps, 1 - eps).log()
        super().__init__(self.probs.shape[:-1])

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        sums = np.cumsum(self.probs.detach().numpy(), -1, dtype=np.float64)
        draws = default_generator().random((*sample_shape, *self.batch_shape)) * sums[..., -1]
        return as_tensor((draws[..., None] >= sums).sum(-1))

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(value).long()
        shape = np.broadcast_shapes(value.shape, self.batch_shape)
        logits = self.logits.expand(*shape, self.logits.shape[-1])
        return logits.gather(-1, value.expand(shape)[..., None])[..., 0]

    def entropy(self) -> Tensor:
        return -(self.probs * self.logits).sum(-1)


class OneHotCategorical(Categorical):
    """The same as `Categorical`, with numbers as vectors of k elements: one 1 and zeros.

    Parameters
    ----------
    probs, logits, validate_args
        As those of `Categorical`, with the same errors.

    Examples
    --------
    >>> import cnet
    >>> from cnet.distributions import OneHotCategorical
    >>> OneHotCategorical(cnet.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    def __init__(
        self,
        probs: Numbers | None = None,
        logits: Numbers | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits)
        self.event_shape = (self.probs.shape[-1],)
        self.mean = self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        numbers = super().sample(sample_shape).numpy()
        return as_tensor(np.eye(*self.event_shape, dtype=self.probs.dtype)[numbers])

    def log_prob(self, value: Any) -> Tensor:
        return super().log_prob(as_tensor(value).argmax(-1))


class Beta(Distribution):
    """The beta distribution; samples have no gradient.

    Parameters
    ----------
    concentration1, concentration0 : Tensor or float
        The exponents of x and 1 - x, plus 1: positive. Broadcast to `batch_shape`, in float32 or
        float64.
    validate_args : bool, optional
        Has no effect: parameters are always checked.

    Raises
    ------
    ValueError
        If a parameter is not positive, or `log_prob` gets a value outside of 0 to 1.

    Examples
    --------
    >>> from cnet.distributions import Beta
    >>> Beta(2.0, 6.0).mean
    tensor(0.25)
    """

    def __init__(
        self, concentration1: Numbers, concentration0: Numbers, validate_args: bool | None = None
    ) -> None:
        a, b = self.concentration1, self.concentration0 = _parameters(
            concentration1, concentration0
        )
        _require(self, "concentration1", a > 0, "positive", a)
        _require(self, "concentration0", b > 0, "positive", b)
        super().__init__(a.shape)
        self.mean = a / (a + b)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        a, b = self.concentration1.detach(), self.concentration0.detach()
        draws = default_generator().beta(a.numpy(), b.numpy(), self._shape(sample_shape))
        return as_tensor(np.asarray(draws, a.dtype))

    def log_prob(self, value: Any) -> Tensor:
        value, a, b = as_tensor(value), self.concentration1, self.concentration0
        _require(self, "value", (value >= 0) & (value <= 1), "between 0 and 1", value)
        scale = ops.lgamma(a + b) - ops.lgamma(a) - ops.lgamma(b)
        result: Tensor = (a - 1) * value.log() + (b - 1) * (1 - value).log() + scale
        return result


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of two distributions of the same type.

    Raises
    ------
    NotImplementedError
        If they are not both `Normal`, `Bernoulli` or `Categorical`.

    Examples
    --------
    >>> from cnet.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5)
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        terms = p.probs * (p.logits - q.logits)
        return ops.where((q.probs == 0) & (p.probs > 0), math.inf, terms).sum(-1)
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        never = ((q.probs == 0) & (p.probs > 0)) | ((q.probs == 1) & (p.probs < 1))
        return ops.where(never, math.inf, q.cross_entropy(p.probs) - p.entropy())
    names = type(p).__name__, type(q).__name__
    raise NotImplementedError(f"kl_divergence: no formula for {names[0]} and {names[1]}")


_MODULES = "bernoulli beta categorical distribution kl normal one_hot_categorical uniform"
for _name in _MODULES.split():
    sys.modules[f"{__name__}.{_name}"] = sys.modules[__name__]  # modules in PyTorch
