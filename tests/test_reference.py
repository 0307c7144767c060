"""The reference against results that can be checked by hand."""

import numpy as np
import pytest

from oracle import reference
from tolerance import assert_exact


def image(*rows: list[float]) -> np.ndarray:
    """One image with one channel."""
    return np.array([[rows]], np.float64)


NINE = image([1, 2, 3], [4, 5, 6], [7, 8, 9])


def test_im2col_lists_the_cells_of_each_position() -> None:
    assert reference.im2col(NINE, 2).tolist() == [
        [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    ]


def test_im2col_knows_stride_padding_and_dilation() -> None:
    assert reference.im2col(NINE, (1, 2), (2, 1), (0, 1), (1, 2)).tolist() == [
        [[0, 1, 2, 0, 7, 8], [2, 3, 0, 8, 9, 0]]
    ]


def test_im2col_goes_through_channels_first() -> None:
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    assert reference.im2col(x, (2, 1)).tolist() == [[[0, 1], [2, 3], [4, 5], [6, 7]]]


def test_same_padding_puts_the_odd_cell_below_and_to_the_right() -> None:
    assert reference.im2col(NINE, 2, padding="same")[0, 3].tolist() == [5, 6, 0, 8, 9, 0, 0, 0, 0]


def test_col2im_counts_the_windows_of_a_cell() -> None:
    counts = reference.col2im(np.ones((1, 4, 4)), (1, 1, 3, 3), 2)
    assert_exact(counts, image([1, 2, 1], [2, 4, 2], [1, 2, 1]))


def test_col2im_leaves_out_the_padding() -> None:
    cols = np.arange(1.0, 5.0).reshape(1, 1, 4)
    assert_exact(reference.col2im(cols, (1, 1, 1, 2), 1, 1, (0, 1)), image([2, 3]))


def test_conv2d_does_not_flip_the_kernel() -> None:
    y = reference.conv2d(NINE, image([1, 0], [0, 10]), np.array([0.5]))
    assert_exact(y, image([51.5, 62.5], [84.5, 95.5]))


def test_conv2d_pads_with_zeros() -> None:
    y = reference.conv2d(image([1, 2], [3, 4]), np.ones((1, 1, 2, 2)), padding=1)
    assert_exact(y, image([1, 3, 2], [4, 10, 6], [3, 7, 4]))


def test_conv2d_strides_and_dilates() -> None:
    assert_exact(reference.conv2d(NINE, image([1, 10]), stride=(2, 1), dilation=(1, 2)),
                 image([31], [97]))  # fmt: skip


def test_conv2d_sums_over_channels() -> None:
    x = np.array([[[[1.0]], [[2.0]], [[3.0]]]])
    weight = np.array([[1, 10, 100], [1, 1, 1]], float).reshape(2, 3, 1, 1)
    assert reference.conv2d(x, weight).ravel().tolist() == [321, 6]


def test_conv2d_keeps_groups_apart() -> None:
    x = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1, 1)
    weight = np.array([[1, 10], [2, 20], [1, 10], [2, 20]], float).reshape(4, 2, 1, 1)
    assert reference.conv2d(x, weight, groups=2).ravel().tolist() == [21, 42, 43, 86]


def test_conv2d_backward_of_one_row() -> None:
    """y0 = 2 w0 + 3 w1 and y1 = 3 w0 + 5 w1, with gradients 1 and 10."""
    dx, dw, db = reference.conv2d_backward(image([1, 10]), image([2, 3, 5]), image([7, 11]))
    assert_exact(dx, image([7, 81, 110]))
    assert_exact(dw, image([32, 53]))
    assert_exact(db, np.array([11.0]))


def test_conv2d_backward_of_padding_stride_and_groups() -> None:
    x = np.array([[[[1.0, 2]], [[3, 4]]]])
    weight = np.array([[[[1.0, 2]]], [[[3, 4]]]])
    grad_output = np.array([[[[1.0, 10]], [[100, 1000]]]])
    options = {"stride": 2, "padding": (0, 1), "groups": 2}
    assert reference.conv2d(x, weight, **options).tolist() == [[[[2, 2]], [[12, 12]]]]
    dx, dw, db = reference.conv2d_backward(grad_output, x, weight, **options)
    assert dx.tolist() == [[[[2, 10]], [[400, 3000]]]]
    assert dw.tolist() == [[[[20, 1]]], [[[4000, 300]]]]
    assert db.tolist() == [11, 1100]


def test_max_pool2d_gives_value_and_position() -> None:
    y, argmax = reference.max_pool2d(image([1, 5, 2, 0], [3, 4, 9, 9]), 2)
    assert_exact(y, image([5, 9]))
    assert_exact(argmax, np.array([[[[1, 6]]]], np.int32))


def test_max_pool2d_in_ceil_mode_keeps_the_rest() -> None:
    y, argmax = reference.max_pool2d(NINE, 2, ceil_mode=True)
    assert_exact(y, image([5, 6], [8, 9]))
    assert argmax.tolist() == [[[[4, 5], [7, 8]]]]
    assert_exact(reference.max_pool2d(NINE, 2)[0], image([5]))


def test_max_pool2d_dilates() -> None:
    assert_exact(reference.max_pool2d(NINE, 2, 1, 0, 2)[0], image([9]))
    assert_exact(reference.max_pool2d(-NINE, 2, 1, 1, 2)[0],
                 image([-5, -4, -5], [-2, -1, -2], [-5, -4, -5]))  # fmt: skip


def test_max_pool2d_backward_adds_where_windows_share_a_cell() -> None:
    argmax = np.array([[[[4, 4], [7, -1]]]])
    dx = reference.max_pool2d_backward(image([1, 10], [100, 1000]), argmax, (1, 1, 3, 3))
    assert_exact(dx, image([0, 0, 0], [0, 11, 0], [0, 100, 0]))


def test_max_pool2d_backward_counts_from_the_plane() -> None:
    argmax = np.array([0, 1, 1, 0]).reshape(2, 2, 1, 1)
    grad_output = np.array([1.0, 2, 3, 4]).reshape(2, 2, 1, 1)
    dx = reference.max_pool2d_backward(grad_output, argmax, (2, 2, 1, 2))
    assert dx.ravel().tolist() == [1, 0, 0, 2, 0, 3, 4, 0]


@pytest.mark.parametrize(
    ("options", "divisors"),
    [({}, [4, 4]), ({"count_include_pad": False}, [2, 4]), ({"divisor_override": -2}, [-2, -2])],
)
def test_avg_pool2d_divides_by_what_is_asked(options: dict[str, int], divisors: list[int]) -> None:
    """Windows of 2x2: the first row of windows contains a row of padding, the second does not."""
    x = image([1, 4, 4, 5], [8, 1, 9, 5], [2, 7, 7, 7])
    expected = image([5, 9], [18, 28]) / np.array(divisors)[:, np.newaxis]
    assert_exact(reference.avg_pool2d(x, 2, 2, (1, 0), **options), expected)


def test_avg_pool2d_in_ceil_mode_counts_the_padding_but_nothing_beyond() -> None:
    """Along each axis of 3 cells: windows of 2 cells at -1 and 1 (full), and none at 3."""
    assert_exact(reference.avg_pool2d(NINE, 2, 2, 1, True), image([1 / 4, 5 / 4], [11 / 4, 28 / 4]))
    one, two = image([1, 2, 3, 4]), np.array([1.0, 2, 3, 4, 5]).reshape(1, 1, 1, 5)
    assert_exact(reference.avg_pool2d(one, (1, 3), (1, 2), 0, True), image([2, 3.5]))
    assert_exact(reference.avg_pool2d(two, (1, 3), (1, 3), (0, 1), True), image([1, 4]))
    assert_exact(reference.avg_pool2d(one, (1, 3), (1, 3), (0, 1), True), image([1, 7 / 3]))


def test_avg_pool2d_backward_spreads_a_share() -> None:
    dx = reference.avg_pool2d_backward(image([4, 8]), (1, 1, 2, 3), 2, 1)
    assert_exact(dx, image([1, 3, 2], [1, 3, 2]))
    options = {"padding": (0, 1), "count_include_pad": False}
    dx = reference.avg_pool2d_backward(image([1, 10, 100]), (1, 1, 1, 2), (1, 2), 1, **options)
    assert_exact(dx, image([6, 105]))


def test_matmul_of_vectors_and_batches() -> None:
    a, b = np.array([[1.0, 2], [3, 4]]), np.array([10.0, 1])
    assert reference.matmul(a, b).tolist() == [12, 34]
    assert reference.matmul(b, a).tolist() == [13, 24]
    assert reference.matmul(b, b).shape == ()
    assert reference.matmul(np.stack([a, 2 * a]), a).tolist() == [
        [[7, 10], [15, 22]], [[14, 20], [30, 44]]
    ]  # fmt: skip


def test_linear_transposes_the_weight() -> None:
    weight = np.array([[1.0, 10], [2, 20], [3, 30]])
    y = reference.linear(np.array([1.0, 2]), weight, np.array([0.5, 0, 0]))
    assert y.tolist() == [21.5, 42, 63]


def test_relu_lets_nan_pass_and_has_no_negative_zero() -> None:
    x = np.array([-1, -0.0, 0, 2, np.nan, np.inf, -np.inf], np.float32)
    y = np.array([0, 0, 0, 2, np.nan, np.inf, 0], np.float32)
    assert_exact(reference.relu(x), y)
    grad_output = np.arange(1, 8, dtype=np.float32)
    assert reference.relu_backward(grad_output, y).tolist() == [0, 0, 0, 4, 5, 6, 0]


def test_cross_entropy_of_known_probabilities() -> None:
    """Softmax gives 1/4, 3/4 and, with weights 2 and 1 and smoothing 0.2, q = 0.9, 0.1."""
    logits, target = np.log([[1.0, 3], [1, 3], [1, 3]]), np.array([0, 1, -100])
    losses, lse = reference.cross_entropy(logits, target)
    np.testing.assert_allclose(losses, [np.log(4), np.log(4 / 3), 0], rtol=1e-15)
    np.testing.assert_allclose(lse, np.log([4, 4, 4]), rtol=1e-15)
    losses, _ = reference.cross_entropy(logits, target, np.array([2.0, 1]), 0.2)
    expected = [1.8 * np.log(4) + 0.1 * np.log(4 / 3), 0.2 * np.log(4) + 0.9 * np.log(4 / 3), 0]
    np.testing.assert_allclose(losses, expected, rtol=1e-14)


def test_cross_entropy_backward_of_known_probabilities() -> None:
    logits, target = np.log([[1.0, 3], [1, 3], [1, 3]]), np.array([0, 1, 7])
    grad, lse = np.array([1.0, 10, 100]), np.log([4.0, 4, 4])
    dlogits = reference.cross_entropy_backward(grad, logits, target, lse, ignore_index=7)
    np.testing.assert_allclose(dlogits, [[-0.75, 0.75], [2.5, -2.5], [0, 0]], rtol=1e-14)
    weight = np.array([2.0, 1])
    dlogits = reference.cross_entropy_backward(grad, logits, target, lse, weight, 0.2, 7)
    expected = [[1.9 / 4 - 1.8, 1.9 * 3 / 4 - 0.1], [11 / 4 - 2, 11 * 3 / 4 - 9], [0, 0]]
    np.testing.assert_allclose(dlogits, expected, rtol=1e-13)


def test_cross_entropy_does_not_overflow() -> None:
    logits = np.array([[1e4, 0], [-1e4, -1e4], [3e38, -3e38]], np.float32)
    losses, lse = reference.cross_entropy(logits, np.array([0, 1, 0]))
    np.testing.assert_allclose(losses, np.float32([0, 0.6931472, 0]), rtol=1e-3)
    np.testing.assert_allclose(lse, np.float32([1e4, -1e4 + 0.6931472, 3e38]))


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ({}, [0.5, -0.25]),
        ({"weight_decay": 0.5}, [1 - 2.5 / 4, 0.375 - 3.1875 / 4]),
        ({"maximize": True}, [1.5, 2.25]),
    ],
)
def test_sgd_step_without_momentum(options: dict[str, float], params: list[float]) -> None:
    """Gradients 2 and 3 from 1, with lr = 1/4."""
    param = np.array([1.0])
    got = []
    for grad in (2.0, 3.0):
        reference.sgd_step(param, np.array([grad]), lr=0.25, **options)
        got.append(param.item())
    assert got == params


@pytest.mark.parametrize(("nesterov", "params"), [(False, [0, -2.5]), (True, [-1, -4.25])])
def test_sgd_step_with_momentum(nesterov: bool, params: list[float]) -> None:
    """v = 2, then 0.5·2 + 0.75·2 = 2.5, with momentum 1/2, dampening 1/4 and lr 1."""
    param, buffer, got = np.array([2.0]), np.zeros(1), []
    for first in (True, False):
        reference.sgd_step(
            param, np.array([2.0]), buffer, lr=1, momentum=0.5, dampening=0.25, nesterov=nesterov,
            first=first,
        )  # fmt: skip
        got.append(param.item())
    assert buffer.item() == 2.5
    assert got == params


def test_adam_step_first_goes_by_lr() -> None:
    """In the first step, m̂ / √v̂ is the sign of any gradient."""
    for grad in (1e-3, 5.0, -7.0):
        param, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
        reference.adam_step(param, np.array([grad]), m, v, 0.25, 0.9, 0.99, 0.0, 0.0, 1)
        np.testing.assert_allclose(param, 1 - 0.25 * np.sign(grad), rtol=1e-14)
        np.testing.assert_allclose([m.item(), v.item()], [0.1 * grad, 0.01 * grad**2], rtol=1e-12)


def test_adam_step_second() -> None:
    """Gradients 1 and 3, with beta1 = 1/2, beta2 = 3/4 and eps = 1: the first step is 1/2 long."""
    param, m, v = np.array([0.0]), np.zeros(1), np.zeros(1)
    for step, grad in ((1, 1.0), (2, 3.0)):
        reference.adam_step(param, np.array([grad]), m, v, 1.0, 0.5, 0.75, 1.0, 0.0, step)
    assert m.item() == 1.75
    assert v.item() == 2.4375
    second = (1.75 / 0.75) / (np.sqrt(2.4375 / 0.4375) + 1)
    np.testing.assert_allclose(param, -0.5 - second, rtol=1e-14)


def test_adam_step_decays_the_gradient_or_the_parameter() -> None:
    for decoupled, expected in ((False, 2 - 0.5), (True, 2 * 0.75 - 0.5)):
        param, m, v = np.array([2.0]), np.zeros(1), np.zeros(1)
        reference.adam_step(param, np.array([1.0]), m, v, 0.5, 0.9, 0.99, 0.0, 0.5, 1,
                            decoupled=decoupled)  # fmt: skip
        np.testing.assert_allclose(param, expected, rtol=1e-14)
        assert m.item() == pytest.approx(0.1 if decoupled else 0.2)
