"""Convolution and pooling by definition: loops over every output."""

import numpy as np

NO_PADS = ((0, 0), (0, 0))


def pad(x, pads, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), *pads), constant_values=value)


def crop(x, pads):
    (top, bottom), (left, right) = pads
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def windows(x, window, stride):
    """The slices of each window of padded images, and the number of rows and columns."""
    (kh, kw), (sh, sw) = window, stride
    rows, columns = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    slices = {
        (i, j): (slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw))
        for i in range(rows)
        for j in range(columns)
    }
    return slices, rows, columns


def convolution(x, w, b, stride=(1, 1), pads=NO_PADS):
    padded = pad(x, pads)
    slices, rows, columns = windows(padded, w.shape[2:], stride)
    y = np.zeros((len(x), len(w), rows, columns))
    for (i, j), at in slices.items():
        for n in range(len(x)):
            for o in range(len(w)):
                y[n, o, i, j] = np.sum(padded[(n, slice(None), *at)] * w[o]) + b[o]
    return y


def convolution_gradients(dy, x, w, stride=(1, 1), pads=NO_PADS):
    padded = pad(x, pads)
    slices, _, _ = windows(padded, w.shape[2:], stride)
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for (i, j), at in slices.items():
        for n in range(len(x)):
            for o in range(len(w)):
                dx[(n, slice(None), *at)] += dy[n, o, i, j] * w[o]
                dw[o] += dy[n, o, i, j] * padded[(n, slice(None), *at)]
    return crop(dx, pads), dw, dy.sum((0, 2, 3))


def maximum(x, window, stride, pads=NO_PADS, pad_value=-np.inf):
    padded = pad(x, pads, pad_value)
    slices, rows, columns = windows(padded, window, stride)
    y = np.zeros((*x.shape[:2], rows, columns))
    for place, at in slices.items():
        y[(..., *place)] = padded[(..., *at)].max((2, 3))
    return y


def maximum_gradient(dy, x, window, stride, ties="first", pads=NO_PADS, pad_value=-np.inf):
    padded = pad(x, pads, pad_value)
    slices, _, _ = windows(padded, window, stride)
    dx = np.zeros_like(padded)
    for n, c in np.ndindex(x.shape[:2]):
        for place, at in slices.items():
            cells = padded[(n, c, *at)]
            chosen = np.flatnonzero(cells == cells.max())
            count = len(chosen) if ties == "share" else 1
            share = np.zeros(cells.size)
            share[{"first": chosen[:1], "last": chosen[-1:]}.get(ties, chosen)] = 1 / count
            dx[(n, c, *at)] += dy[(n, c, *place)] * share.reshape(cells.shape)
    return crop(dx, pads)


def mean(x, window, stride):
    slices, rows, columns = windows(x, window, stride)
    y = np.zeros((*x.shape[:2], rows, columns))
    for place, at in slices.items():
        y[(..., *place)] = x[(..., *at)].mean((2, 3))
    return y


def mean_gradient(dy, x, window, stride):
    slices, _, _ = windows(x, window, stride)
    dx = np.zeros_like(x)
    for place, at in slices.items():
        dx[(..., *at)] += dy[(..., *place)][..., np.newaxis, np.newaxis] / np.prod(window)
    return dx


def last(x):
    """(n, c, h, w) as (n, h, w, c)."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def hwio(w):
    """(o, i, h, w) as (h, w, i, o)."""
    return np.ascontiguousarray(w.transpose(2, 3, 1, 0))


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)
