"""Functions that move, select or draw elements, pooling, sampling, losses and layers.

As in `operations`, a case is one line of a table: a function of the package ``t``, its module ``F``
and tensors, and the inputs from which the tensors are made. Each is measured on about a million
elements, and on one row or one small image.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnet.bench.cases import Case, Work, arrays

from .operations import SMALL, Function, Sizes, with_gradients


class Positions(NamedTuple):
    """An input of random positions on an axis of `size` elements; None is the number of rows."""

    sizes: Sizes
    size: int | None


class Mask(NamedTuple):
    """An input of random booleans."""

    sizes: Sizes


class Layer(NamedTuple):
    """A function of the module that `build` makes from the package ``t.nn``."""

    build: Callable[[Any], Any]
    call: Callable[..., Any] = lambda layer, *tensors: layer(*tensors)


Input: TypeAlias = Sizes | Positions | Mask
Table: TypeAlias = dict[str, tuple[Function | Layer, *tuple[Input, ...]]]

ROWS = 1000
MANY = (None, 1000)
COLUMNS = Positions(MANY, 1000)
LINES = Positions(MANY, None)

MATRICES: Table = {
    "gather, dim 1": (lambda t, F, x, i: t.gather(x, 1, i), MANY, COLUMNS),
    "gather, dim 0": (lambda t, F, x, i: t.gather(x, 0, i), MANY, LINES),
    "take_along_dim": (lambda t, F, x, i: t.take_along_dim(x, i, 1), MANY, COLUMNS),
    "take": (lambda t, F, x, i: t.take(x, i), MANY, COLUMNS),
    "index_select, dim 0": (
        lambda t, F, x, i: t.index_select(x, 0, i), MANY, Positions((None,), None)),
    "index_select, dim 1": (
        lambda t, F, x, i: t.index_select(x, 1, i), MANY, Positions((1000,), 1000)),
    "x[positions]": (lambda t, F, x, i: x[i], MANY, Positions((None,), None)),
    "x[:, positions]": (lambda t, F, x, i: x[:, i], MANY, Positions((1000,), 1000)),
    "x[rows, columns]": (lambda t, F, x, i, j: x[i, j], MANY, LINES, COLUMNS),
    "x[mask]": (lambda t, F, x, m: x[m], MANY, Mask(MANY)),
    "masked_select": (lambda t, F, x, m: t.masked_select(x, m), MANY, Mask(MANY)),
    "masked_fill": (lambda t, F, x, m: t.masked_fill(x, m, 0.5), MANY, Mask(MANY)),
    "masked_scatter": (lambda t, F, x, m, y: t.masked_scatter(x, m, y), MANY, Mask(MANY), MANY),
    "embedding": (lambda t, F, w, i: F.embedding(i, w), (1000, 100), Positions((None, 10), 1000)),
    "embedding_bag": (
        lambda t, F, w, i: F.embedding_bag(i, w), (1000, 100), Positions((None, 10), 1000)),
    "flip": (lambda t, F, x: t.flip(x, (1,)), MANY),
    "flip, both": (lambda t, F, x: t.flip(x, (0, 1)), MANY),
    "roll": (lambda t, F, x: t.roll(x, 7, 1), MANY),
    "roll, flat": (lambda t, F, x: t.roll(x, 7), MANY),
    "rot90": (lambda t, F, x: t.rot90(x), MANY),
    "tril": (lambda t, F, x: t.tril(x), MANY),
    "triu": (lambda t, F, x: t.triu(x), MANY),
    "cat, dim 0": (lambda t, F, x, y: t.cat([x, y]), (None, 500), (None, 500)),
    "cat, dim 1": (lambda t, F, x, y: t.cat([x, y], 1), (None, 500), (None, 500)),
    "stack, dim 0": (lambda t, F, x, y: t.stack([x, y]), (None, 500), (None, 500)),
    "stack, dim 2": (lambda t, F, x, y: t.stack([x, y], 2), (None, 500), (None, 500)),
    "repeat": (lambda t, F, x: x.repeat(2, 5), (None, 100)),
    "repeat_interleave": (lambda t, F, x: t.repeat_interleave(x, 10, 1), (None, 100)),
    "transpose": (lambda t, F, x: x.t().contiguous(), MANY),
    "clone": (lambda t, F, x: x.clone(), MANY),
    "median": (lambda t, F, x: t.median(x, 1).values, MANY),
    "median, all": (lambda t, F, x: t.median(x), MANY),
    "kthvalue": (lambda t, F, x: t.kthvalue(x, 100, 1).values, MANY),
    "topk": (lambda t, F, x: t.topk(x, 10, 1).values, MANY),
    "topk, 500": (lambda t, F, x: t.topk(x, 500, 1).values, MANY),
    "sort, dim 1": (lambda t, F, x: t.sort(x, 1).values, MANY),
    "sort, dim 0": (lambda t, F, x: t.sort(x, 0).values, MANY),
    "cdist": (lambda t, F, x, y: t.cdist(x, y), (None, 64), (1000, 64)),
    "cdist, p 1": (lambda t, F, x, y: t.cdist(x, y, p=1), (None, 16), (1000, 16)),
    "cosine_similarity": (lambda t, F, x, y: F.cosine_similarity(x, y), MANY, MANY),
    "normalize": (lambda t, F, x: F.normalize(x), MANY),
    "pairwise_distance": (lambda t, F, x, y: F.pairwise_distance(x, y), MANY, MANY),
    "mse_loss": (lambda t, F, x, y: F.mse_loss(x, y), MANY, MANY),
    "l1_loss": (lambda t, F, x, y: F.l1_loss(x, y), MANY, MANY),
    "smooth_l1_loss": (lambda t, F, x, y: F.smooth_l1_loss(x, y), MANY, MANY),
    "huber_loss": (lambda t, F, x, y: F.huber_loss(x, y), MANY, MANY),
    "bce_with_logits": (
        lambda t, F, x, y: F.binary_cross_entropy_with_logits(x, y), MANY, MANY),
    "cross_entropy": (lambda t, F, x, i: F.cross_entropy(x, i), MANY, Positions((None,), 1000)),
    "nll_loss": (lambda t, F, x, i: F.nll_loss(x, i), MANY, Positions((None,), 1000)),
    "kl_div": (
        lambda t, F, x, y: F.kl_div(x, y, reduction="sum", log_target=True), MANY, MANY),
    "layer_norm": (lambda t, F, x, w, b: F.layer_norm(x, (1000,), w, b), MANY, (1000,), (1000,)),
    "scatter, dim 1": (lambda t, F, x, i, y: t.scatter(x, 1, i, y), MANY, COLUMNS, MANY),
    "scatter_add, dim 1": (
        lambda t, F, x, i, y: t.scatter_add(x, 1, i, y), MANY, COLUMNS, MANY),
    "scatter_add, dim 0": (lambda t, F, x, i, y: t.scatter_add(x, 0, i, y), MANY, LINES, MANY),
    "scatter_reduce, amax": (
        lambda t, F, x, i, y: t.scatter_reduce(x, 1, i, y, "amax"), MANY, COLUMNS, MANY),
    "index_add, dim 0": (
        lambda t, F, x, i, y: t.index_add(x, 0, i, y), MANY, Positions((None,), None), MANY),
    "index_add, dim 1": (
        lambda t, F, x, i, y: t.index_add(x, 1, i, y), MANY, Positions((1000,), 1000), MANY),
    "index_put, add": (
        lambda t, F, x, i, y: t.index_put(x, (i,), y, accumulate=True), MANY,
        Positions((None,), None), MANY),
}  # fmt: skip
"""Functions of matrices, with a derivative."""


def _drawn(draw: Callable[[Any], Any]) -> Function:
    """The shape of random numbers, which are different in each library."""
    return lambda t, F, x: tuple(draw(t, x).shape)


OTHERS: Table = {
    "scatter, repeated": (lambda t, F, i: t.zeros(i.shape).scatter_(1, i, 1.0), COLUMNS),
    "one_hot": (lambda t, F, i: F.one_hot(i, 100), Positions((None, 10), 100)),
    "argsort": (lambda t, F, x: t.argsort(x, 1), MANY),
    "searchsorted": (lambda t, F, x, y: t.searchsorted(t.cumsum(x.abs(), 0), y), (1000,), MANY),
    "bincount": (lambda t, F, i: t.bincount(i), Positions((None,), 1000)),
    "nonzero": (lambda t, F, m: t.nonzero(m), Mask(MANY)),
    "arange": (lambda t, F, x: t.arange(x.numel()), MANY),
    "arange, float": (lambda t, F, x: t.arange(0.0, x.numel(), 1.0), MANY),
    "linspace": (lambda t, F, x: t.linspace(0, 1, x.numel()), MANY),
    "zeros": (lambda t, F, x: t.zeros(x.shape), MANY),
    "ones_like": (lambda t, F, x: t.ones_like(x), MANY),
    "full": (lambda t, F, x: t.full(x.shape, 0.5), MANY),
    "rand": (_drawn(lambda t, x: t.rand(x.shape)), MANY),
    "randn": (_drawn(lambda t, x: t.randn(x.shape)), MANY),
    "normal": (_drawn(lambda t, x: t.normal(1.0, 2.0, tuple(x.shape))), MANY),
    "normal, tensor": (_drawn(lambda t, x: t.normal(x, 2.0)), MANY),
    "normal_": (_drawn(lambda t, x: x.normal_()), MANY),
    "uniform_": (_drawn(lambda t, x: x.uniform_()), MANY),
    "randint": (_drawn(lambda t, x: t.randint(0, 10, tuple(x.shape))), MANY),
    "randperm": (_drawn(lambda t, x: t.randperm(x.numel())), MANY),
    "bernoulli": (_drawn(lambda t, x: t.bernoulli(x.clamp(0, 1))), MANY),
    "dropout": (_drawn(lambda t, x: t.dropout(x, 0.5, True)), MANY),
    "multinomial": (_drawn(lambda t, x: t.multinomial(x.abs(), 10)), MANY),
    "multinomial, replacement": (_drawn(lambda t, x: t.multinomial(x.abs(), 10, True)), MANY),
    "multinomial, many": (_drawn(lambda t, x: t.multinomial(x.abs(), 1000, True)), MANY),
}
"""Functions without a derivative."""

IMAGES = 250
IMAGE = (None, 4, 32, 32)
WIDE = (None, 16, 16, 16)
VOLUME = (None, 4, 8, 16, 8)
SIGNAL = (None, 4, 1024)


def _ctc(t: Any, F: Any, x: Any, targets: Any) -> Any:
    steps, n, _ = x.shape
    lengths = t.full((n,), steps), t.full((n,), targets.shape[1])
    return F.ctc_loss(F.log_softmax(x, 2), targets + 1, *lengths, reduction="sum")


def _unpooled(t: Any, F: Any, x: Any) -> Any:
    return F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)


SPATIAL: Table = {
    "grid_sample": (
        lambda t, F, x, g: F.grid_sample(x, g, align_corners=False), IMAGE, (None, 32, 32, 2)),
    "grid_sample, nearest": (
        lambda t, F, x, g: F.grid_sample(x, g, "nearest", align_corners=False), IMAGE,
        (None, 32, 32, 2)),
    "grid_sample, bicubic": (
        lambda t, F, x, g: F.grid_sample(x, g, "bicubic", "border", align_corners=False), IMAGE,
        (None, 32, 32, 2)),
    "affine_grid": (
        lambda t, F, x: F.affine_grid(x, (x.shape[0], 1, 32, 32), align_corners=False),
        (None, 2, 3)),
    "pad, constant": (lambda t, F, x: F.pad(x, (2, 2, 2, 2)), IMAGE),
    "pad, reflect": (lambda t, F, x: F.pad(x, (2, 2, 2, 2), "reflect"), IMAGE),
    "pad, replicate": (lambda t, F, x: F.pad(x, (2, 2, 2, 2), "replicate"), IMAGE),
    "pad, circular": (lambda t, F, x: F.pad(x, (2, 2, 2, 2), "circular"), IMAGE),
    "max_unpool2d": (_unpooled, IMAGE),
    "max_pool1d": (lambda t, F, x: F.max_pool1d(x, 2), SIGNAL),
    "max_pool1d, 3 by 1": (lambda t, F, x: F.max_pool1d(x, 3, 1, 1), SIGNAL),
    "max_pool2d": (lambda t, F, x: F.max_pool2d(x, 2), IMAGE),
    "max_pool2d, 3 by 2": (lambda t, F, x: F.max_pool2d(x, 3, 2, 1), IMAGE),
    "max_pool3d": (lambda t, F, x: F.max_pool3d(x, 2), VOLUME),
    "avg_pool1d": (lambda t, F, x: F.avg_pool1d(x, 2), SIGNAL),
    "avg_pool2d": (lambda t, F, x: F.avg_pool2d(x, 2), IMAGE),
    "avg_pool3d": (lambda t, F, x: F.avg_pool3d(x, 2), VOLUME),
    "lp_pool1d": (lambda t, F, x: F.lp_pool1d(x, 2, 2), SIGNAL),
    "lp_pool2d": (lambda t, F, x: F.lp_pool2d(x, 2, 2), IMAGE),
    "adaptive_max_pool1d": (lambda t, F, x: F.adaptive_max_pool1d(x, 100), SIGNAL),
    "adaptive_max_pool2d": (lambda t, F, x: F.adaptive_max_pool2d(x, 7), IMAGE),
    "adaptive_avg_pool2d": (lambda t, F, x: F.adaptive_avg_pool2d(x, 7), IMAGE),
    "channel_shuffle": (lambda t, F, x: F.channel_shuffle(x, 4), WIDE),
    "pixel_shuffle": (lambda t, F, x: F.pixel_shuffle(x, 2), WIDE),
    "pixel_unshuffle": (lambda t, F, x: F.pixel_unshuffle(x, 2), IMAGE),
    "interpolate, nearest": (lambda t, F, x: F.interpolate(x, scale_factor=2), WIDE),
    "interpolate, linear": (
        lambda t, F, x: F.interpolate(x, scale_factor=2, mode="linear"), SIGNAL),
    "interpolate, bilinear": (
        lambda t, F, x: F.interpolate(x, scale_factor=2, mode="bilinear"), WIDE),
    "interpolate, bicubic": (
        lambda t, F, x: F.interpolate(x, scale_factor=2, mode="bicubic"), WIDE),
    "interpolate, area": (lambda t, F, x: F.interpolate(x, 10, mode="area"), IMAGE),
    "unfold": (lambda t, F, x: F.unfold(x, 3, padding=1), IMAGE),
    "fold": (lambda t, F, x: F.fold(x, (16, 16), 3, padding=1), (None, 36, 256)),
    "conv3d, 2 by 2": (
        lambda t, F, x, w: F.conv3d(x, w, stride=2), VOLUME, (8, 4, 2, 2, 2)),
    "group_norm": (
        lambda t, F, x, w, b: F.group_norm(x, 4, w, b), WIDE, (16,), (16,)),
    "instance_norm": (lambda t, F, x: F.instance_norm(x), IMAGE),
    "attention": (
        lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v),
        *[(None, 4, 64, 16)] * 3),
    "attention, causal": (
        lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        *[(None, 4, 64, 16)] * 3),
    "ctc_loss": (_ctc, (40, None, 20), Positions((None, 10), 19)),
}  # fmt: skip
"""Functions of images, sequences and volumes, with a derivative."""

SEQUENCES = 64

LAYERS: Table = {
    "RNN": (Layer(lambda nn: nn.RNN(64, 128), lambda layer, x: layer(x)[0]), (32, None, 64)),
    "GRU": (Layer(lambda nn: nn.GRU(64, 128), lambda layer, x: layer(x)[0]), (32, None, 64)),
    "LSTM": (Layer(lambda nn: nn.LSTM(64, 128), lambda layer, x: layer(x)[0]), (32, None, 64)),
    "MultiheadAttention": (
        Layer(
            lambda nn: nn.MultiheadAttention(64, 4, batch_first=True),
            lambda layer, x: layer(x, x, x, need_weights=False)[0],
        ),
        (None, 64, 64),
    ),
    "TransformerEncoderLayer": (
        Layer(lambda nn: nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True)),
        (None, 64, 64),
    ),
}
"""Layers with parameters."""


def make_array(item: Input, batch: int, rng: np.random.Generator) -> Any:
    """The values of an input; `batch` is the number of rows."""
    sizes = item.sizes if isinstance(item, (Positions, Mask)) else item
    shape = tuple([batch if size is None else size for size in sizes])
    if isinstance(item, Mask):
        return rng.random(shape) > 0.5
    if isinstance(item, Positions):
        return rng.integers(0, item.size or batch, shape)
    return rng.standard_normal(shape, np.float32)


def callable_of(function: Function | Layer, side: Any, backward: bool) -> Function:
    """The function, or a call of the layer, which gets the same parameters on every side."""
    if not isinstance(function, Layer):
        return function
    layer = function.build(side.package.nn)
    for parameter in layer.parameters():
        (values,) = arrays(tuple(parameter.shape))
        parameter.data[...] = side.tensor(0.1 * values, False)
        parameter.requires_grad_(backward)
    return lambda t, F, *tensors: function.call(layer, *tensors)


def _bind(
    function: Function | Layer, inputs: tuple[Input, ...], backward: bool, side: Any, batch: int
) -> Work:
    """The call of a function, and its backward pass."""
    rng = np.random.default_rng(0)
    numbers = [make_array(item, batch, rng) for item in inputs]
    tensors = [side.tensor(array, backward and array.dtype.kind == "f") for array in numbers]
    call = partial(callable_of(function, side, backward), side.package, side.functional, *tensors)
    if not backward:
        return call
    grad_output = side.tensor(rng.standard_normal(tuple(call().shape), np.float32), False)
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    return with_gradients(call, leaves, grad_output)


def _cases(name: str, entry: Any, backward: bool, rows: int) -> Iterator[tuple[str, Case]]:
    function, *inputs = entry
    kinds = [("forward", rows, False), ("forward + backward", rows, True), (SMALL, 1, False)]
    for kind, batch, both in kinds:
        if backward or not both:
            title = f"{name}, {kind}"
            yield title, Case(title, partial(_bind, function, tuple(inputs), both), batch)


CASES = {
    title: case
    for table, backward, rows in (
        (MATRICES, True, ROWS), (OTHERS, False, ROWS), (SPATIAL, True, IMAGES),
        (LAYERS, True, SEQUENCES),
    )
    for name, entry in table.items()
    for title, case in _cases(name, entry, backward, rows)
}  # fmt: skip
