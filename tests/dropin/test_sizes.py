"""Sizes as integers of NumPy, shapes as lists and arrays, in every style."""

import numpy as np
import pytest

from cnet.dropin import cs231n, dlfs, layerwise, mlp, node, op, stateless

X = np.arange(2 * 3 * 6 * 6.0).reshape(2, 3, 6, 6)
SHAPE = 2, 3, 6, 6


def of_dlfs(i, shape):
    rows = dlfs.im2col(X, i(2), i(3), i(1), i(1))
    conv = dlfs.Convolution(np.ones((4, 3, 2, 2)).tolist(), [1, 2, 3, 4], i(2), i(1))
    y = conv.forward(X.tolist())
    pool = dlfs.Pooling(i(2), i(3), i(2), i(1))
    z = pool.forward(X)
    return [
        rows, dlfs.col2im(rows, shape, i(2), i(3), i(1), i(1)), y, conv.backward(y.tolist()),
        conv.dW, conv.col, conv.col_W, z, pool.arg_max, pool.backward(z),
    ]  # fmt: skip


def of_cs231n(i, shape):
    cols = cs231n.im2col_indices(X, i(2), i(3), i(1), i(1))
    six = np.ones((3, 2, 3, 2, 7, 6))
    sizes = *map(i, SHAPE), i(2), i(3), i(1), i(1)
    conv, conv_cache = cs231n.conv_forward_fast(
        X, np.ones((4, 3, 3, 3)), np.zeros(4), {"stride": i(1), "pad": i(1)}
    )
    param = {"pool_height": i(2), "pool_width": i(2), "stride": i(2)}
    pooled, pool_cache = cs231n.max_pool_forward_fast(X, param)
    return [
        cols, cs231n.col2im_indices(cols, shape, i(2), i(3), i(1), i(1)),
        cs231n.im2col_cython(X, i(2), i(3), i(1), i(1)), cs231n.col2im_cython(cols, *sizes),
        cs231n.col2im_6d_cython(six, *sizes), conv, *cs231n.conv_backward_fast(conv, conv_cache),
        pooled, cs231n.max_pool_backward_fast(pooled, pool_cache),
        cs231n.max_pool_backward_im2col(*cs231n.max_pool_forward_im2col(X, param)),
    ]  # fmt: skip


def of_layerwise(i, shape):
    results = []
    conv, dense = layerwise.Conv2d(i(3)), layerwise.Dense(i(3), i(4))
    results += [conv.forward(X[0, 0]), dense.forward([1, 2, 3]), dense.backward([1, 2, 3, 4])]
    for kind in ("max", "avg"):
        for size in ((i(2), i(3)), [i(2), i(3)], np.array([2, 3])):
            pool = layerwise.Pooling(kind, size)
            y = pool.forward(X[0, 0])
            results += [y, pool.backward(y)]
    return results


def of_stateless(i, shape):
    layer = stateless.LinearLayer(i(200), i(100), rng=np.random.default_rng(0))
    x = np.arange(200.0)
    return [layer.W, layer.forward(x), stateless.one_hot([1, -1, 0], i(3))]


def of_mlp(i, shape):
    net = mlp.MLPFromScratch(i(2), i(3), i(1))
    return [net.forward([[1, 2]]), *net.backward([[1, 2]], [[1]]).values()]


def of_op(i, shape):
    x = op.Tensor(X, requires_grad=True)
    op.Sum.apply(x, [i(1), i(2)]).backward(np.ones((2, 6)))
    return [
        op.Tensor.zeros([i(2), i(3)]).data, op.Tensor.ones(np.array([2, 3])).data, x.grad,
        op.Sum.apply(x, i(1)).data, op.Sum.apply(x, axis=(i(1), i(2))).data,
        op.reduce_grad_to_shape(np.ones((2, 3)), [i(2), i(1)]),
        op.reduce_grad_to_shape(np.ones((2, 3)), np.array([1, 3])),
    ]  # fmt: skip


def of_node(i, shape):
    x = node.Node(X)
    conv = node.nn.Conv2d(i(3), i(4), [i(2), i(3)], i(1), np.array([1, 0]))
    pool = node.nn.MaxPool2d((i(2), i(2)), [i(2), i(1)], i(0))
    y = pool(conv(x)).sum()
    y.backward()
    cols, oh, ow = node.nn._im2col(X, i(2), i(2), i(1), i(1), i(0), i(0))
    wide = node.nn.Conv2d(i(100), i(2), i(3))
    return [
        y.value, x.grad, cols, oh, ow, wide.weight.value,
        node.nn.Linear(i(3), i(2)).weight.value,
        node.nn._col2im(cols, shape, i(2), i(2), i(1), i(1), i(0), i(0)),
        x.reshape([i(6), -1]).value, x.reshape(np.array([6, -1])).value,
        x.sum(axis=[i(1), i(2)]).value, x.sum(axis=np.array([1, 2])).value,
        *next(node.batch_iterator(X, np.arange(2), i(1), shuffle=False)),
    ]  # fmt: skip


STYLES = [of_dlfs, of_cs231n, of_layerwise, of_stateless, of_mlp, of_op, of_node]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [list(SHAPE), np.array(SHAPE), np.array(SHAPE, np.uint8)])
@pytest.mark.parametrize("integer", [int, np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("style", STYLES)
def test_sizes_and_shapes(style, integer, shape):
    np.random.seed(0)
    expected = style(int, SHAPE)
    np.random.seed(0)
    for result, wanted in zip(style(integer, shape), expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_errors():
    with pytest.raises(
        TypeError, match=r"col2im: input_shape must be a sequence of ints \(got 3\)"
    ):
        dlfs.col2im(np.ones((4, 4)), 3, 2, 2)
    with pytest.raises(TypeError, match=r"x_shape must be a sequence of ints \(got \[1\.5, 2\]\)"):
        cs231n.col2im_indices(np.ones((4, 4)), [1.5, 2])
    with pytest.raises(TypeError, match=r"LinearLayer: in_features must be an int \(got 2\.5\)"):
        stateless.LinearLayer(2.5, 3)
