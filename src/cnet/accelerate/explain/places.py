"""Where the maxima are in the windows of max pooling, and gradients computed from that."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, permutations, product

import numpy as np

from ...arrays import Array, Shape
from ...dropin import kernels
from .expressions import Term, in_one_dtype
from .forms import merged_orders
from .pooling import Pooling
from .samples import Problem


@dataclass(frozen=True)
class Places:
    """The row-major place of the first maximum in its window, of images without padding."""

    pool: Pooling
    order: str
    """The axes of the places, of which some may be merged."""

    def __call__(self, *arrays: Array) -> Array:
        pool = self.pool
        _, indices = kernels.max_pool2d(
            arrays[0], pool.kernel, pool.plane.stride, layout=pool.layout
        )
        places: Array = indices - _corners(pool)
        rows, columns = np.divmod(places, _width(pool))
        return (rows * pool.kernel[1] + columns).transpose(_axes(pool, self.order))

    def __str__(self) -> str:
        return f"{self.pool}, places of the maxima"


@dataclass(frozen=True)
class FromPlaces:
    """The gradient of max pooling from the places of the maxima; the operands are (dy, places)."""

    pool: Pooling
    order: str

    def __call__(self, *arrays: Array) -> Array:
        dy, places = arrays
        pool, layout = self.pool, self.pool.layout
        if places.min() < 0 or places.max() >= pool.kernel[0] * pool.kernel[1]:
            raise ValueError("a place is outside of its window")
        sizes = dict(zip(layout, pool.y_shape, strict=True))
        back = [self.order.index(letter) for letter in layout]
        places = places.reshape([sizes[letter] for letter in self.order]).transpose(back)
        rows, columns = np.divmod(places, pool.kernel[1])
        indices = _corners(pool) + rows * _width(pool) + columns
        return kernels.max_pool2d_backward(dy, indices, pool.x_shape, layout=layout)

    def __str__(self) -> str:
        return f"{self.pool}, dx from places"


@dataclass(frozen=True)
class InWindows:
    """The place of the first maximum in each of the windows, which are kept in an array."""

    y_shape: Shape

    def __call__(self, *arrays: Array) -> Array:
        places: Array = arrays[0].reshape(*self.y_shape, -1).argmax(-1)
        return places

    def __str__(self) -> str:
        return "places of the maxima in windows"


@dataclass(frozen=True)
class FromMaxima:
    """The gradient of max pooling where the images equal the maxima; operands (dy, x, maxima).

    Windows do not overlap. Images may have two axes for each, as windows and elements in them.
    """

    pool: Pooling
    is_shared: bool = False
    """Whether equal maxima share the gradient."""

    def __call__(self, *arrays: Array) -> Array:
        dy, x, maxima = in_one_dtype(arrays)
        is_maximum = x.reshape(self.pool.x_shape) == self._spread(maxima, np.nan)
        if self.is_shared:
            with np.errstate(all="ignore"):
                dy = dy / self._counts(is_maximum)
        dx: Array = self._spread(dy) * is_maximum
        return dx

    def _counts(self, is_maximum: Array) -> Array:
        """The number of maxima in each window."""
        for axis, size in enumerate(self.pool.y_shape):
            if self.pool.layout[axis] in "hw":
                step = self.pool.kernel["hw".index(self.pool.layout[axis])]
                is_maximum = is_maximum.take(range(size * step), axis)
        split = is_maximum.reshape(self.split)
        counts: Array = np.add.reduce(split, tuple(range(1, split.ndim, 2)), dtype=np.intp)
        return counts

    @property
    def split(self) -> Shape:
        """The shape with two axes for each: the windows, and the elements in them."""
        steps = [
            self.pool.kernel["hw".index(letter)] if letter in "hw" else 1
            for letter in self.pool.layout
        ]
        return tuple(chain(*zip(self.pool.y_shape, steps, strict=True)))

    def _spread(self, y: Array, rest: float = 0.0) -> Array:
        """Each element for its whole window; `rest` outside of windows."""
        for letter, step in zip("hw", self.pool.kernel, strict=True):
            axis = self.pool.layout.index(letter)
            y = np.repeat(y, step, axis)
            gap = [(0, 0)] * y.ndim
            gap[axis] = (0, self.pool.x_shape[axis] - y.shape[axis])
            y = np.pad(y, gap, constant_values=rest) if gap[axis][1] else y
        return y

    def __str__(self) -> str:
        return f"{self.pool}, dx from the maxima" + ", shared" * self.is_shared


def _width(pool: Pooling) -> int:
    return pool.x_shape[pool.layout.index("w")]


def _axes(pool: Pooling, order: str) -> list[int]:
    return [pool.layout.index(letter) for letter in order]


def _corners(pool: Pooling) -> Array:
    """The position of the first element of each window in its image, to broadcast to results."""
    sizes = dict(zip(pool.layout, pool.y_shape, strict=True))
    rows, columns = (
        (np.arange(sizes[letter]) * stride).reshape(
            [-1 if letter == axis else 1 for axis in pool.layout]
        )
        for letter, stride in zip("hw", pool.plane.stride, strict=True)
    )  # fmt: skip
    corners: Array = rows * _width(pool) + columns
    return corners


def places(problem: Problem, hints: tuple[object, ...]) -> Iterator[Term]:
    """Places of the maxima of a known pooling, and its gradient from them."""
    for hint in hints:
        if not isinstance(hint, Pooling) or hint.kind != "max" or hint.is_gradient:
            continue
        if hint.plane.padding != ((0, 0), (0, 0)) or hint.unused != (0, 0):
            continue
        sizes = dict(zip(hint.layout, hint.y_shape, strict=True))
        count = int(np.prod(hint.y_shape))
        if problem.result.dtype.kind in "iu" and problem.result.size == count:
            for path in problem.singles():
                if problem.inputs[path][0].shape == hint.x_shape:
                    for order in merged_orders(sizes, problem.shape):
                        yield Term(Places(hint, order), (path,))
        elif problem.result.dtype.kind == "f" and problem.shape == hint.x_shape:
            for first, second in problem.pairs():
                dy, indices = problem.inputs[first][0], problem.inputs[second][0]
                is_match = dy.shape == hint.y_shape and indices.size == count
                if is_match and dy.dtype.kind == "f" and _are_places(problem.inputs[second], hint):
                    for order in merged_orders(sizes, indices.shape):
                        yield Term(FromPlaces(hint, order), (first, second))
            yield from _from_windows(problem, hint)
            yield from _from_maxima(problem, hint)


def _from_windows(problem: Problem, hint: Pooling) -> Iterator[Term]:
    window = (hint.kernel, (hint.kernel[0] * hint.kernel[1],))
    for first, second in problem.pairs():
        shape = problem.inputs[second][0].shape
        is_match = problem.inputs[first][0].shape == hint.y_shape
        if is_match and shape in [(*hint.y_shape, *sizes) for sizes in window]:
            indices = Term(InWindows(hint.y_shape), (second,))
            yield Term(FromPlaces(hint, hint.layout), (first, indices))


def _from_maxima(problem: Problem, hint: Pooling) -> Iterator[Term]:
    if hint.kernel != hint.plane.stride or hint.activation or hint.unused != (0, 0):
        return
    split = tuple(size for size in FromMaxima(hint).split if size > 1)
    images = [
        path for path in problem.inputs
        if problem.inputs[path][0].shape == hint.x_shape
        or tuple(size for size in problem.inputs[path][0].shape if size > 1) == split
    ]  # fmt: skip
    results = [path for path in problem.inputs if problem.inputs[path][0].shape == hint.y_shape]
    for x, (first, second) in product(images, permutations(results, 2)):
        for is_shared in (False, True):
            yield Term(FromMaxima(hint, is_shared), (first, x, second))


def _are_places(arrays: list[Array], pool: Pooling) -> bool:
    most = pool.kernel[0] * pool.kernel[1]
    return all(
        array.dtype.kind in "iu" and array.min() >= 0 and array.max() < most for array in arrays
    )
