"""Matrix products, contractions and norms: values, gradients and errors."""

import numpy as np
import pytest

import cnet
from cnet import kernels
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
A, B, C = RNG.standard_normal((2, 3)), RNG.standard_normal((3, 4)), RNG.standard_normal((2, 4))
U, V = RNG.standard_normal(3), RNG.standard_normal(3)
P, Q = RNG.standard_normal((5, 2, 3)), RNG.standard_normal((5, 3, 4))
S = RNG.standard_normal((3, 3))

VALUES = [
    ("mm", cnet.mm, (A, B), A @ B),
    ("bmm", cnet.bmm, (P, Q), P @ Q),
    ("mv", cnet.mv, (A, U), A @ U),
    ("dot", cnet.dot, (U, V), U @ V),
    ("outer", cnet.outer, (U, V), np.outer(U, V)),
    ("inner", cnet.inner, (A, P), np.inner(A, P)),
    ("kron", cnet.kron, (A, C), np.kron(A, C)),
    ("cross", cnet.cross, (U, V), np.cross(U, V)),
    ("chain_matmul", cnet.chain_matmul, (C.T, A, B), C.T @ A @ B),
    ("addmm", lambda c, a, b: cnet.addmm(c, a, b, beta=0.5, alpha=2), (C, A, B), C / 2 + A @ B * 2),
    ("addmv", cnet.addmv, (C[:, 0], A, U), C[:, 0] + A @ U),
    ("addr", cnet.addr, (S, U, V), S + np.outer(U, V)),
    ("baddbmm", cnet.baddbmm, (C, P, Q), C + P @ Q),
    ("addbmm", cnet.addbmm, (C, P, Q), C + (P @ Q).sum(0)),
    ("tensordot", lambda a, b: cnet.tensordot(a, b, 1), (A, B), A @ B),
    (
        "tensordot of dims", lambda p, a: cnet.tensordot(p, a, ([1, 2], [0, 1])), (P, A),
        np.tensordot(P, A, ([1, 2], [0, 1])),
    ),
    ("einsum", lambda a, b: cnet.einsum("ij,jk", a, b), (A, B), A @ B),
    (
        "einsum batch", lambda p, q: cnet.einsum("bij,bjk->bki", p, q), (P, Q),
        (P @ Q).swapaxes(1, 2),
    ),
    (
        "einsum dots", lambda p, b: cnet.einsum("...ij,jk->k...i", p, b), (P, B),
        np.moveaxis(P @ B, 2, 0),
    ),
    ("einsum diagonal", lambda s: cnet.einsum("ii->i", s), (S,), np.diag(S)),
    ("einsum trace", lambda s: cnet.einsum("ii", s), (S,), np.trace(S)),
    ("einsum of three", lambda a, b, c: cnet.einsum("ij,jk,ik->j", a, b, c), (A, B, C),
     np.einsum("ij,jk,ik->j", A, B, C)),
    ("einsum numbers", lambda a, b: cnet.einsum(a, [0, 1], b, [1, 2], [2, 0]), (A, B), (A @ B).T),
    ("einsum elementwise", lambda a: cnet.einsum("ij,ij->ij", a, A), (A,), A * A),
    ("norm", cnet.norm, (A,), np.linalg.norm(A)),
    ("norm 3", lambda a: cnet.norm(a, 3, 1), (A,), (np.abs(A) ** 3).sum(1) ** (1 / 3)),
    ("norm inf", lambda a: cnet.norm(a, float("inf"), 0), (A,), np.abs(A).max(0)),
    ("matrix_norm 1", lambda a: cnet.linalg.matrix_norm(a, 1), (A,), np.linalg.norm(A, 1)),
    ("matrix_norm 2", lambda a: cnet.linalg.matrix_norm(a, 2), (A,), np.linalg.norm(A, 2)),
    ("matrix_norm nuc", lambda a: cnet.linalg.norm(a, "nuc"), (A,), np.linalg.norm(A, "nuc")),
    ("dist", lambda u, v: cnet.dist(u, v, 1), (U, V), np.abs(U - V).sum()),
    ("cdist", cnet.cdist, (A, S), np.linalg.norm(A[:, None] - S, axis=2)),
    ("inv", cnet.linalg.inv, (S,), np.linalg.inv(S)),
    ("det", cnet.linalg.det, (S,), np.linalg.det(S)),
    ("solve", cnet.linalg.solve, (S, B), np.linalg.solve(S, B)),
    ("solve a vector", cnet.linalg.solve, (S, U), np.linalg.solve(S, U)),
    ("svdvals", cnet.linalg.svdvals, (A,), np.linalg.svd(A)[1]),
    ("logdet", lambda s: cnet.linalg.slogdet(s)[1], (S,), np.linalg.slogdet(S)[1]),
    ("matrix_power", lambda s: cnet.linalg.matrix_power(s, 3), (S,), S @ S @ S),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [row[1:] for row in VALUES],
    ids=[row[0] for row in VALUES],
)
def test_values_and_gradients(function, arguments, expected):
    np.testing.assert_allclose(function(*map(Tensor, arguments)), expected, rtol=1e-10, atol=1e-14)
    assert gradcheck(function, arguments)


def test_gradients_where_norms_are_not_smooth_are_zero():
    for order in (2, 3, 0.5, float("inf")):
        x = cnet.zeros(3, requires_grad=True)
        cnet.norm(x, order).backward()
        assert x.grad.tolist() == [0, 0, 0]


def test_squares_do_not_overflow():
    assert cnet.norm(tensor([3e30, 4e30])).item() == pytest.approx(5e30)
    assert cnet.norm(tensor([3e-30, 4e-30])).item() == pytest.approx(5e-30)


def test_integers_and_small_floats():
    x = cnet.arange(6).reshape(2, 3)
    assert (x @ x.T).tolist() == [[5, 14], [14, 50]]
    assert (x.half() @ x.T.half()).dtype == cnet.float16
    with pytest.raises(TypeError, match="matmul: operands must be numbers"):
        cnet.matmul(x > 1, x.T > 1)


def test_ignored_input():
    nan = cnet.full((2, 4), float("nan"))
    assert not np.isnan(cnet.addmm(nan, A, B, beta=0)).any()


ERRORS = [
    (lambda: cnet.mm(A, A), ValueError, r"mm: the shapes .* \(got \(2, 3\) and \(2, 3\)\)"),
    (lambda: cnet.mm(A, U), ValueError, "mm: mat2 must have 2 dimensions"),
    (lambda: cnet.mm(A, B.astype("f4")), TypeError, "mm: input and mat2 must have the same dtype"),
    (lambda: cnet.bmm(P, Q[:4]), ValueError, "bmm: the shapes"),
    (lambda: cnet.dot(U, V[:2]), ValueError, "dot: the shapes"),
    (lambda: cnet.addmm(A, A, B), ValueError, "addmm: shapes .* do not broadcast"),
    (lambda: cnet.cross(A, A[:, :2]), ValueError, "cross: dim 1 must have size 3"),
    (lambda: cnet.outer(A, U), ValueError, "outer: input and vec2"),
    (lambda: cnet.tensordot(A, B, 3), ValueError, "tensordot: dims must be between"),
    (lambda: cnet.tensordot(A, B, 2), ValueError, "tensordot: the sizes of dims"),
    (lambda: cnet.einsum("ij,jk", A), ValueError, "einsum: equation must have one term"),
    (lambda: cnet.einsum("ijk", A), ValueError, "einsum: each term must have one label"),
    (lambda: cnet.einsum("ij->k", A), ValueError, "einsum: each label of the result"),
    (lambda: cnet.einsum("i1", A), ValueError, "einsum: labels must be letters"),
    (lambda: cnet.einsum("ij,ij", A, B), ValueError, "einsum: a label must have the same size"),
    (lambda: cnet.norm(cnet.arange(3)), TypeError, "norm: input must have a float dtype"),
    (lambda: cnet.norm(A, "max"), ValueError, "norm: p must be a number"),
    (lambda: cnet.linalg.matrix_norm(A, 3), ValueError, "linalg.matrix_norm: the order of"),
    (lambda: cnet.cdist(A, C), ValueError, "cdist: x1 and x2"),
    (lambda: cnet.linalg.inv(A), ValueError, "linalg.inv: matrices must be square"),
    (lambda: cnet.linalg.inv(np.zeros((2, 2))), cnet.linalg.LinAlgError, "Singular"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def layouts(x: np.ndarray) -> list[np.ndarray]:
    """Arrays with the same elements and other strides."""
    apart = np.zeros([2 * size for size in x.shape])[(slice(None, None, 2),) * x.ndim]
    fields = np.zeros(x.shape, [("first", "i1"), ("x", x.dtype)])["x"]  # not aligned
    apart[...] = fields[...] = x
    reordered = np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1)
    return [x, reordered, np.ascontiguousarray(x[::-1])[::-1], apart, fields]


@pytest.mark.parametrize("a_shape", [(3,), (4, 3), (2, 4, 3), (5, 1, 4, 3), (5, 2, 4, 3), (0, 3)])
@pytest.mark.parametrize("b_shape", [(3,), (3, 6), (3, 1), (2, 3, 6), (5, 2, 3, 6)])
def test_kernel_of_operands_with_any_strides(a_shape, b_shape):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a_shape), rng.standard_normal(b_shape)
    expected = a @ b
    for first in layouts(a):
        for second in layouts(b):
            np.testing.assert_allclose(kernels.matmul(first, second), expected, rtol=1e-12)


def test_empty_operands_may_have_any_strides():
    a, b = np.ones((2, 3, 6))[..., :0], np.ones((0, 3))
    np.testing.assert_array_equal(kernels.matmul(a, b), np.zeros((2, 3, 3)))


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3])
@pytest.mark.parametrize("shapes", [((5, 4), (7, 4)), ((2, 1, 5, 3), (3, 6, 3)), ((1, 9), (40, 9))])
def test_distances_of_all_orders(p, shapes):
    rng = np.random.default_rng(0)
    x1, x2 = (rng.standard_normal(shape) for shape in shapes)
    expected = (np.abs(x1[..., :, None, :] - x2[..., None, :, :]) ** p).sum(-1) ** (1 / p)
    np.testing.assert_allclose(cnet.cdist(x1, x2, p), expected, rtol=1e-6)
    transposed = tensor(x1.swapaxes(-1, -2).copy()).transpose(-1, -2)
    np.testing.assert_allclose(cnet.cdist(transposed, x2, p), expected, rtol=1e-6)
    assert gradcheck(lambda a: cnet.cdist(a, x2, p), x1)
    assert gradcheck(lambda b: cnet.cdist(x1, b, p), x2)
    assert gradcheck(lambda a, b: cnet.cdist(a, b, p), (x1, x2))


def test_rows_at_distance_0_have_no_gradient():
    for p in (0.5, 1, 1.5, 3):
        x = tensor([[1.0, 2.0], [3.0, 2.0]], requires_grad=True)
        cnet.cdist(x, x.detach(), p).diagonal().sum().backward()
        np.testing.assert_array_equal(x.grad, 0)
