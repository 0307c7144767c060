"""Operations that change the shape."""

import itertools

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape)


CASES = [
    ("reshape", (2, 3), lambda x: cnet.reshape(x, 3, -1), lambda x: x.reshape(3, 2)),
    ("reshape to a tuple", (2, 3), lambda x: cnet.reshape(x, (6,)), lambda x: x.reshape(6)),
    ("reshape to a scalar", (1, 1), lambda x: cnet.reshape(x, ()), lambda x: x.reshape(())),
    ("reshape of nothing", (0, 3), lambda x: cnet.reshape(x, (3, 0)), lambda x: x.reshape(3, 0)),
    ("view", (2, 3), lambda x: x.view(x.size(0), -1), lambda x: x),
    ("flatten", (2, 3, 4), cnet.flatten, lambda x: x.reshape(-1)),
    ("flatten from 1", (2, 3, 4), lambda x: cnet.flatten(x, 1), lambda x: x.reshape(2, 12)),
    ("flatten to -2", (2, 3, 4), lambda x: cnet.flatten(x, 0, -2), lambda x: x.reshape(6, 4)),
    ("flatten one", (2, 3), lambda x: cnet.flatten(x, 1, 1), lambda x: x),
    ("flatten a scalar", (), cnet.flatten, lambda x: x.reshape(1)),
    ("flatten nothing", (0, 3, 4), lambda x: cnet.flatten(x, 1), lambda x: x.reshape(0, 12)),
    ("squeeze", (1, 2, 1), cnet.squeeze, np.squeeze),
    ("squeeze one", (1, 2, 1), lambda x: cnet.squeeze(x, -1), lambda x: x[..., 0]),
    ("squeeze some", (1, 2, 1), lambda x: cnet.squeeze(x, (0, 1)), lambda x: x[0]),
    ("unsqueeze", (2, 3), lambda x: cnet.unsqueeze(x, 1), lambda x: x[:, None]),
    ("unsqueeze at the end", (2, 3), lambda x: cnet.unsqueeze(x, -1), lambda x: x[..., None]),
    ("unsqueeze a scalar", (), lambda x: cnet.unsqueeze(x, 0), lambda x: x[None]),
    ("permute", (2, 3, 4), lambda x: cnet.permute(x, 2, 0, -2), lambda x: x.transpose(2, 0, 1)),
    ("permute by a list", (2, 3), lambda x: cnet.permute(x, [1, 0]), np.transpose),
    ("permute a scalar", (), lambda x: cnet.permute(x), np.transpose),
    ("transpose", (2, 3, 4), lambda x: cnet.transpose(x, 0, -1), lambda x: x.swapaxes(0, 2)),
    ("T", (2, 3, 4), lambda x: x.T, np.transpose),
    ("mT", (2, 3, 4), lambda x: x.mT, lambda x: x.swapaxes(1, 2)),
    (
        "broadcast_to", (3, 1), lambda x: cnet.broadcast_to(x, (2, 3, 4)),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
    ),
    ("broadcast a scalar", (), lambda x: x.broadcast_to((2,)), lambda x: np.broadcast_to(x, 2)),
    ("broadcast to nothing", (1,), lambda x: cnet.broadcast_to(x, (0,)), lambda x: x[:0]),
    (
        "expand", (3, 1), lambda x: x.expand(2, -1, 4),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
    ),
    ("movedim", (2, 3, 4), lambda x: cnet.movedim(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
    (
        "movedims", (2, 3, 4), lambda x: x.movedim((0, 1), (2, 0)),
        lambda x: np.moveaxis(x, (0, 1), (2, 0)),
    ),
    ("t", (2, 3), cnet.t, np.transpose),
    ("ravel", (2, 3), cnet.ravel, np.ravel),
    ("unflatten", (2, 6), lambda x: x.unflatten(1, (3, -1)), lambda x: x.reshape(2, 3, 2)),
    ("expand_as", (3, 1), lambda x: x.expand_as(np.zeros((3, 2))), lambda x: x.repeat(2, 1)),
    ("repeat", (2, 3), lambda x: x.repeat(2, 1, 3), lambda x: np.tile(x, (2, 1, 3))),
    ("tile", (2, 3), lambda x: cnet.tile(x, (2,)), lambda x: np.tile(x, 2)),
    ("repeat_interleave", (2, 3), lambda x: x.repeat_interleave(2, 1), lambda x: x.repeat(2, 1)),
    (
        "repeat_interleave by counts", (2, 3),
        lambda x: x.repeat_interleave(cnet.tensor([1, 0, 2]), dim=1),
        lambda x: x.repeat([1, 0, 2], 1),
    ),
    ("flip", (2, 3), lambda x: cnet.flip(x, (0, 1)), lambda x: x[::-1, ::-1]),
    ("fliplr", (2, 3), cnet.fliplr, np.fliplr),
    ("flipud", (2, 3), cnet.flipud, np.flipud),
    ("roll", (2, 3), lambda x: cnet.roll(x, 1), lambda x: np.roll(x, 1)),
    (
        "roll of many", (130, 127),
        lambda x: x.roll((1, -3), (0, 1)),
        lambda x: np.roll(x, (1, -3), (0, 1)),
    ),
    ("roll dims", (2, 3), lambda x: x.roll((1, 2), (0, 1)), lambda x: np.roll(x, (1, 2), (0, 1))),
    ("rot90", (2, 3), lambda x: cnet.rot90(x, 3), lambda x: np.rot90(x, 3)),
    ("select", (2, 3), lambda x: x.select(1, -1), lambda x: x[:, -1]),
    ("narrow", (2, 3), lambda x: x.narrow(1, 1, 2), lambda x: x[:, 1:]),
    ("chunk", (5, 2), lambda x: x.chunk(3)[2], lambda x: x[4:]),
    ("split", (5, 2), lambda x: x.split(2)[1], lambda x: x[2:4]),
    ("split sizes", (5, 2), lambda x: x.split([1, 4])[1], lambda x: x[1:]),
    ("tensor_split", (5, 2), lambda x: x.tensor_split(2)[0], lambda x: x[:3]),
    ("tensor_split at", (5, 2), lambda x: x.tensor_split((1, -1))[1], lambda x: x[1:4]),
    ("unbind", (2, 3), lambda x: x.unbind(1)[1], lambda x: x[:, 1]),
    (
        "unfold", (2, 5), lambda x: x.unfold(1, 3, 1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, 1),
    ),
    ("as_strided", (6,), lambda x: x.as_strided((2, 2), (1, 2), 1), lambda x: x[[[1, 3], [2, 4]]]),
    ("diagonal", (2, 3, 4), lambda x: x.diagonal(1, 0, -1), lambda x: np.diagonal(x, 1, 0, -1)),
    ("diag of a matrix", (2, 3), lambda x: cnet.diag(x, -1), lambda x: np.diag(x, -1)),
    ("diag of a vector", (3,), lambda x: cnet.diag(x, 1), lambda x: np.diag(x, 1)),
    ("diag_embed", (2, 3), cnet.diag_embed, lambda x: x[..., None] * np.eye(3)),
    ("tril", (2, 3, 3), lambda x: cnet.tril(x, 1), lambda x: np.tril(x, 1)),
    ("triu", (3, 2), cnet.triu, np.triu),
    ("trace", (3, 2), cnet.trace, lambda x: np.asarray(np.trace(x))),
    ("expand to a tuple", (3, 1), lambda x: x.expand((-1, 2)), lambda x: x.repeat(2, 1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "function", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_values_and_gradients(shape, function, expected):
    x = np.asarray(numbers(*shape))
    y = function(Tensor(x))
    np.testing.assert_array_equal(y, expected(x))
    assert y.shape == expected(x).shape
    assert gradcheck(function, x)


def test_results_share_memory():
    x = Tensor(numbers(2, 3))
    for y in (x.reshape(6), x.flatten(), x.unsqueeze(0), x.T, x.broadcast_to((4, 2, 3))):
        assert np.shares_memory(x.detach().numpy(), y.detach().numpy())


def test_names_of_numpy_and_of_pytorch():
    x = tensor([[1.0], [2.0]])
    assert x.squeeze(axis=1).shape == x.squeeze(dim=1).shape == (2,)
    assert x.unsqueeze(axis=0).shape == cnet.unsqueeze(x, dim=0).shape == (1, 2, 1)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: cnet.flatten(x, 2),
            r"flatten: start_dim must be in range .* \(got 2\)",
        ),
        (lambda x: cnet.flatten(x, 1, 0), r"flatten: start_dim .* \(got 1 and 0\)"),
        (lambda x: cnet.squeeze(x, 2), "squeeze: dim must be in range"),
        (lambda x: cnet.unsqueeze(x, 3), "unsqueeze: dim must be in range for 3 dimensions"),
        (lambda x: cnet.transpose(x, 0, 2), "transpose: dim1 must be in range"),
        (lambda x: cnet.permute(x, 0), "permute: dims must contain each"),
        (lambda x: cnet.permute(x, 0, 0), "permute: dims must not contain a dim twice"),
        (lambda x: cnet.movedim(x, (0, 1), 0), "movedim: source and destination"),
        (lambda x: x.T.reshape(1, 2, 3).t(), "t: input must have at most 2 dimensions"),
        (lambda x: cnet.reshape(x, 4), r"reshape: shape must .* \(got \(4,\) and \(2, 3\)\)"),
        (lambda x: cnet.unflatten(x, 1, (2, 2)), "unflatten: the product of sizes"),
        (
            lambda x: cnet.broadcast_to(x, (3, 3)),
            r"broadcast_to: shapes \(2, 3\) and",
        ),
        (lambda x: cnet.broadcast_tensors(x, x.T), "broadcast_tensors: shapes .* do not broadcast"),
        (lambda x: cnet.split(x, [1, 2]), "split: the sizes"),
        (lambda x: cnet.chunk(x, 0), "chunk: chunks must be positive"),
        (lambda x: cnet.narrow(x, 0, 1, 2), "narrow: length must be between 0 and 1"),
        (lambda x: cnet.hsplit(x, 2), "hsplit: the number of parts"),
        (lambda x: x.unfold(0, 3, 1), "unfold: size must be between 0 and 2"),
        (lambda x: cnet.as_strided(x, (4,), (2,)), "as_strided: all positions"),
        (lambda x: cnet.tile(x, (-1,)), "tile: repeats must not be negative"),
        (lambda x: x.repeat(2), "repeat: repeats must have at least"),
        (lambda x: cnet.flip(x, (0, 0)), "flip: dims must not contain a dim twice"),
        (lambda x: cnet.roll(x, (1, 2), 0), "roll: shifts and dims"),
        (lambda x: cnet.rot90(x, 1, (0,)), "rot90: dims must be two"),
        (lambda x: cnet.repeat_interleave(x, cnet.tensor([1, 2]), 1), "repeat_interleave: repeats"),
        (lambda x: cnet.diagonal(x, 0, 1, 1), "diagonal: dim1 and dim2 must differ"),
        (lambda x: cnet.tril(x[0]), "tril: input must have at least 2 dimensions"),
        (lambda x: cnet.diag(cnet.zeros(1, 1, 1)), "diag: input must have 1 or 2"),
        (lambda x: cnet.trace(x[0]), "trace: input must have 2 dimensions"),
    ],
)
def test_errors(function, message):
    with pytest.raises(ValueError, match=message):
        function(tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))


def test_dimensions_out_of_range_are_index_errors():
    with pytest.raises(IndexError, match="squeeze: dim must be in range"):
        cnet.squeeze(tensor([1.0]), 3)
    with pytest.raises(IndexError, match="select: index must be in range"):
        cnet.select(tensor([1.0]), 0, 1)


def test_a_view_shares_memory_or_is_refused():
    x = tensor(numbers(2, 3))
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.T.view(6)
    assert x.view(cnet.int64).dtype == cnet.int64
    assert x.float().view(cnet.int32).shape == (2, 3)
    assert x.view_as(cnet.zeros(3, 2)).shape == x.reshape_as(cnet.zeros(3, 2)).shape == (3, 2)


VIEWS = {
    "narrow": lambda x: x.narrow(0, 1, 2), "select": lambda x: x.select(1, 1),
    "chunk": lambda x: x.chunk(2, 1)[1], "split": lambda x: x.split(2)[0],
    "unbind": lambda x: x.unbind(1)[2], "diagonal": lambda x: x.diagonal(1),
    "unfold": lambda x: x.unfold(1, 2, 2), "movedim": lambda x: x.movedim(0, 1),
    "t": lambda x: x.t(), "as_strided": lambda x: x.as_strided((2, 2), (4, 1), 1),
    "unflatten": lambda x: x.unflatten(1, (2, 2)), "hsplit": lambda x: x.hsplit(2)[0],
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_changes_of_a_view_change_the_tensor_and_its_gradient(view):
    x = tensor(numbers(4, 4), requires_grad=True)
    y = x * 1
    part = view(y)
    assert np.shares_memory(part.detach().numpy(), y.detach().numpy())
    part *= 3
    y.sum().backward()
    expected = np.ones((4, 4))
    changed = view(Tensor(expected))
    changed *= 3
    np.testing.assert_array_equal(x.grad, expected)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_windows_of_any_layout_are_views(order):
    x = np.arange(24.0).reshape(2, 3, 4).transpose(order)
    windows = cnet.from_numpy(x[:, 1:]).unfold(1, 1, 1)
    np.testing.assert_array_equal(windows, x[:, 1:, :, None])
    windows.zero_()
    assert not x[:, 1:].any()
    assert x[:, 0].any()


def test_overlapping_windows_are_read_only():
    with pytest.raises(RuntimeError, match="read-only"):
        tensor([1.0, 2.0, 3.0]).unfold(0, 2, 1).zero_()


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_contiguous_copies_of_large_arrays(order, dtype):
    x = np.arange(7 * 20 * 33 * 30).reshape(7, 20, 33, 30).astype(dtype)
    for view in (x, x[:, :1], x[::-1, ::2]):
        y = Tensor(view).permute(order).contiguous()
        assert y.numpy().flags.c_contiguous
        np.testing.assert_array_equal(y.numpy(), view.transpose(order))
    clone = Tensor(x.transpose(order)).clone(memory_format=cnet.contiguous_format)
    assert not np.shares_memory(clone.numpy(), x)


def test_a_cast_to_a_memory_format_converts_and_copies():
    x = cnet.arange(24.0).reshape(1, 2, 3, 4)
    y = x.to(cnet.float64, memory_format=cnet.channels_last)
    assert y.dtype == cnet.float64
    assert y.is_contiguous(memory_format=cnet.channels_last)
    np.testing.assert_array_equal(y.numpy(), x.numpy())
