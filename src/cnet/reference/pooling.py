"""Max pooling and average pooling."""

import numpy as np

from ..arrays import Array
from ..geometry import Window2d
from ._windows import images, padding, positions, zeros


def max_pool2d(x: Array, y: Array, indices: Array | None, g: Window2d) -> None:
    """y[n, c, y, x] = max of the cells of the image in the window, indices = the first such cell.

    NaN counts as larger than any number, and the last NaN is taken. A window without a cell of the
    image gives -inf and -1.
    """
    x, y = images(g, x, y)
    indices = np.empty(y.shape, np.int32) if indices is None else indices.reshape(y.shape)
    y[...], indices[...] = -np.inf, -1
    places = np.pad(np.arange(g.h * g.w).reshape(1, 1, g.h, g.w), padding(g), constant_values=-1)
    padded = positions(np.pad(x, padding(g)), g)
    for (_, _, cells), (_, _, place) in zip(padded, positions(places, g), strict=True):
        taken = (place >= 0) & ((indices < 0) | (cells > y) | np.isnan(cells))
        np.copyto(y, cells, where=taken)
        np.copyto(indices, place, where=taken, casting="same_kind")


def max_pool2d_backward(grad_output: Array, indices: Array, dx: Array, g: Window2d) -> int:
    """dx[n, c, indices[n, c, y, x]] += grad_output[n, c, y, x], in row-major order.

    Returns the number of indices that are neither -1 nor in the plane.
    """
    plane = g.h * g.w
    first = plane * np.arange(g.n * g.c).reshape(g.n, g.c, 1, 1)
    taken = (indices >= 0) & (indices < plane)
    dx[...] = 0
    np.add.at(dx.reshape(-1), (first + indices)[taken], grad_output[taken])
    return int(np.count_nonzero(~taken & (indices != -1)))


def max_pool_windows(
    x: Array, bounds: Array, y: Array, indices: Array, g: tuple[int, ...], shared: bool
) -> None:
    """y[n, c, …] = max of the cells x[n, c, begin:end, …], indices = the first such cell.

    NaN counts as larger than any number, and the last NaN is taken.
    """
    planes, sizes, outputs = g[0] * g[1], g[2:5], g[5:]
    images, bounds = x.reshape(planes, *sizes), bounds.reshape(-1, sum(outputs), 2)
    tables = [np.split(table, np.cumsum(outputs[:-1])) for table in bounds]
    y, indices = y.reshape(planes, *outputs), indices.reshape(planes, *outputs)
    for plane, *place in np.ndindex(y.shape):
        table = tables[0 if shared else plane]
        ends = [axis[i] for axis, i in zip(table, place, strict=True)]
        cells = np.ix_(*(np.arange(*pair) for pair in ends))
        window = images[(plane, *cells)].ravel()
        nan = np.flatnonzero(np.isnan(window))
        chosen = nan[-1] if nan.size else window.argmax()
        y[(plane, *place)] = window[chosen]
        positions = np.broadcast_arrays(*cells)
        indices[(plane, *place)] = np.ravel_multi_index(positions, sizes).ravel()[chosen]


def avg_pool2d(
    x: Array, y: Array, g: Window2d, count_include_pad: bool, divisor_override: int
) -> None:
    """y[n, c, y, x] = (Σ of the window) / divisor[y, x].

    Unless it is given, the divisor is the number of cells of the window, with or without those in
    the padding. Cells beyond the padding, which ceil_mode allows, do not count.
    """
    x, y = images(g, x, y)
    y[...] = 0
    for _, _, cells in positions(np.pad(x, padding(g)), g):
        y += cells
    y /= _divisor(g, count_include_pad, divisor_override).astype(y.dtype)


def avg_pool2d_backward(
    grad_output: Array, dx: Array, g: Window2d, count_include_pad: bool, divisor_override: int
) -> None:
    """The adjoint of avg_pool2d: each cell of a window gets grad_output[y, x] / divisor[y, x]."""
    dx, grad_output = images(g, dx, grad_output)
    share = grad_output / _divisor(g, count_include_pad, divisor_override).astype(dx.dtype)
    padded, inside = zeros(g, dx.dtype)
    for _, _, cells in positions(padded, g):
        cells += share
    dx[...] = inside


def _divisor(g: Window2d, count_include_pad: bool, divisor_override: int) -> Array:
    """The divisor of the sum over each window: (oh, ow)."""
    if divisor_override:
        return np.full((g.oh, g.ow), divisor_override)
    sides = []
    for size, kernel, stride, begin, end, count in (
        (g.h, g.kh, g.sh, g.ph, g.qh, g.oh),
        (g.w, g.kw, g.sw, g.pw, g.qw, g.ow),
    ):
        start = np.arange(count) * stride - begin
        if count_include_pad:
            sides.append(np.minimum(start + kernel, size + end) - start)
        else:
            sides.append(np.minimum(start + kernel, size) - np.maximum(start, 0))
    rows, columns = sides
    divisor: Array = np.maximum(rows[:, None] * columns, 1)  # a window without a cell sums to zero
    return divisor
