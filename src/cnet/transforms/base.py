"""The base of transforms, and transforms made of other transforms."""

from collections.abc import Callable, Sequence
from typing import Any

from ..nn import Module
from . import draws
from .images import Image


class Transform(Module):
    """Base class of transforms: modules from an image to an image, without parameters.

    `arguments` names the attributes that `repr` shows.
    """

    arguments: Sequence[str] = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in self.arguments)
        return f"{type(self).__name__}({shown})"


def probability(function: str, p: float) -> float:
    """Check a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{function}: p must be from 0 to 1 (got {p})")
    return float(p)


def listed(function: str, transforms: Any) -> Sequence[Callable[[Any], Any]]:
    """Check a sequence of transforms."""
    if isinstance(transforms, str) or not hasattr(transforms, "__len__"):
        raise TypeError(
            f"{function}: transforms must be a sequence (got {type(transforms).__name__})"
        )
    found: Sequence[Callable[[Any], Any]] = transforms
    return found


def _show(name: str, transforms: Sequence[Any], first: str = "") -> str:
    lines = "".join(f"\n    {transform}" for transform in transforms)
    return f"{name}({first}{lines}\n)"


class Compose:
    """Transforms one after the other.

    Parameters
    ----------
    transforms : sequence of callable
        Each gets the result of the one before.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    >>> steps(np.array([[0, 255]], np.uint8))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _show("Compose", self.transforms)


class Lambda:
    """A function as a transform.

    Parameters
    ----------
    lambd : callable
        The function.

    Raises
    ------
    TypeError
        If `lambd` cannot be called.

    Examples
    --------
    >>> from cnet import transforms
    >>> transforms.Lambda(lambda x: x + 1)(2)
    3
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: lambd must be callable (got {type(lambd).__name__})")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class RandomApply(Transform):
    """Apply transforms with a probability.

    Parameters
    ----------
    transforms : sequence of callable
        Applied one after the other, or not at all.
    p : float, default 0.5
        The probability.

    Examples
    --------
    >>> from cnet import transforms
    >>> transforms.RandomApply([lambda x: x + 1], p=1)(2)
    3
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        super().__init__()
        self.transforms = listed("RandomApply", transforms)
        self.p = probability("RandomApply", p)

    def forward(self, img: Image) -> Image:
        return Compose(self.transforms)(img) if draws.chance(self.p) else img

    def __repr__(self) -> str:
        return _show("RandomApply", self.transforms, f"p={self.p}")


class RandomOrder(Transform):
    """Apply transforms in a random order.

    Examples
    --------
    >>> from cnet import transforms
    >>> transforms.RandomOrder([lambda x: x + 1, lambda x: x + 2])(0)
    3
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        super().__init__()
        self.transforms = listed("RandomOrder", transforms)

    def forward(self, img: Image) -> Image:
        for i in draws.order(len(self.transforms)):
            img = self.transforms[i](img)
        return img

    def __repr__(self) -> str:
        return _show("RandomOrder", self.transforms)


class RandomChoice(Transform):
    """Apply one of several transforms.

    Parameters
    ----------
    transforms : sequence of callable
        One of them is applied.
    p : sequence of float, optional
        The weight of each, by default equal.

    Raises
    ------
    ValueError
        If there is not one weight for each transform.

    Examples
    --------
    >>> from cnet import transforms
    >>> transforms.RandomChoice([lambda x: x + 1, lambda x: -x], p=[0, 1])(2)
    -2
    """

    def __init__(
        self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        self.transforms = listed("RandomChoice", transforms)
        if p is not None and len(p) != len(self.transforms):
            raise ValueError(
                f"RandomChoice: len(p) must equal len(transforms) "
                f"(got {len(p)} and {len(self.transforms)})"
            )
        self.p = p

    def forward(self, img: Image) -> Image:
        return self.transforms[draws.choice(len(self.transforms), self.p)](img)

    def __repr__(self) -> str:
        return _show("RandomChoice", self.transforms, "" if self.p is None else f"p={self.p}")
