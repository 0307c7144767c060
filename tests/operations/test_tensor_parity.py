"""The same expressions with PyTorch: values, dtypes, shapes and gradients of tensor operations."""

import numpy as np
import pytest

import cnet

torch = pytest.importorskip("torch", reason="compared with PyTorch")

RNG = np.random.default_rng(0)
NUMBERS = {
    "x": RNG.standard_normal((3, 4)), "y": RNG.standard_normal((4, 2)), "v": np.arange(1.0, 5.0),
    "b": RNG.standard_normal((2, 3, 4)), "s": RNG.standard_normal((3, 3)),
}  # fmt: skip
OTHERS = {
    "i": np.array([[0, 2, 1, 1], [2, 2, 0, 1]]), "k": np.array([2, 0]), "n": np.arange(6) % 3,
    "mask": RNG.standard_normal((3, 4)) > 0, "bits": np.array([1, 0, 1], np.uint8),
}  # fmt: skip

EXPRESSIONS = """
x.reshape(2, -1) | x.view(4, 3) | x.flatten() | m.ravel(x) | x.unflatten(1, (2, 2)) | x.T | b.mT
x.squeeze() | b.unsqueeze(-2) | b.permute(2, 0, 1) | b.movedim(0, 2) | b.swapdims(0, 1) | x.t()
v.expand(3, -1) | v.expand_as(x) | m.broadcast_to(v, (2, 4)) | m.broadcast_tensors(x, v)[1]
x.repeat(2, 1, 3) | m.tile(v, (2, 2)) | x.repeat_interleave(2, dim=0) | m.repeat_interleave(v, 3)
m.flip(x, (0,)) | m.roll(x, (1, 2), (0, 1)) | m.rot90(x, -1) | m.fliplr(x) | m.flipud(x)
x.chunk(3, 1)[1] | x.split(3, 1)[1] | x.tensor_split(3, 1)[1] | x.unbind(1)[2] | x.narrow(1, 1, 2)
x.select(1, -1) | x.unfold(1, 2, 1) | b.diagonal(1, 1, 2) | m.diag(v, -1) | m.diag_embed(x, 1)
x.tril(-1) | x.triu(1) | m.trace(s) | m.cat([x, x], 1) | m.stack([v, v], 1) | m.hstack([v, v])
m.vstack([v, v]) | m.dstack([v, v]) | m.column_stack([v, x.T]) | m.atleast_3d(v)
m.meshgrid(v, y[:, 0], indexing="xy")[1] | m.cartesian_prod(v, v) | m.block_diag(x, y)
x.gather(0, i) | x.scatter(0, i, b[0, :2]) | x.scatter_add(0, i, b[0, :2]) | x.index_select(0, k)
x.scatter_reduce(0, i, b[0, :2], "mean") | x.index_add(0, k, b[0, :2], alpha=2)
x.index_copy(0, k, b[0, :2]) | x.index_fill(0, k, 3.0) | x.index_put((k,), v) | m.take(x, k)
x.masked_fill(mask, 0.5) | x.masked_select(mask) | x.masked_scatter(mask, b) | x[mask] | x[k, 1:]
x[bits] | x[[0, 2]] | x[..., None, 1] | x[k, k] | x[::2, 1:3] | m.take_along_dim(x, i, 0)
x.sum(1) | x.mean((0, 1)) | x.prod(1) | x.var(1) | x.std(unbiased=False) | m.var_mean(x, 0)[0]
x.logsumexp(1) | x.amax(0) | x.max(1)[0] | x.min() | x.norm() | x.norm(3, 1) | m.dist(x, x.flip(0))
x.cumsum(1) | x.cumprod(0) | x.cummax(1)[0] | x.cummin(0)[0] | m.diff(x, 2) | m.trapezoid(x, dx=0.5)
x.median() | x.median(1)[0] | x.kthvalue(2, 0)[0] | x.mode(1)[0] | x.quantile(0.4, 1)
x.nanmedian(0)[0] | m.nansum(x, 1) | m.nanmean(x) | m.nanquantile(x, 0.1) | m.aminmax(x, dim=1)[0]
x.sort(1, descending=True)[0] | x.topk(2)[0] | m.msort(x) | x @ y | m.mm(x, y) | m.mv(x, v)
m.bmm(b, b.mT) | m.dot(v, v) | m.outer(v, v) | m.inner(x, x) | m.kron(x, y) | m.cross(s, s.T, 1)
m.addmm(y[:3], x, y, beta=0.5) | m.addmv(x[:, 0], x, v) | m.baddbmm(s, b, b.mT)
m.addr(s, s[0], s[1])
m.einsum("ij,jk->ki", x, y) | m.einsum("...i,...i", b, x) | m.tensordot(b, x, ([1, 2], [0, 1]))
m.cdist(x, x[:2] + 1) | m.linalg.norm(x, 2) | m.linalg.matrix_norm(x, "nuc") | m.linalg.inv(s)
m.linalg.det(s) | m.linalg.solve(s, x) | m.linalg.slogdet(s)[1] | m.linalg.vector_norm(x, 1, 0)
"""
WITHOUT_GRADIENT = """
x.argmax(1) | x.argmin() | x.argsort(0) | x.sort(1)[1] | x.topk(2, largest=False)[1] | x.max(0)[1]
x.cummax(1)[1] | x.median(1)[1] | m.nonzero(mask) | m.argwhere(n) | n.unique() | m.bincount(n)
m.unique(n, return_counts=True)[1] | m.unique_consecutive(n, return_inverse=True)[1]
m.searchsorted(v, x) | m.bucketize(x, v, right=True) | m.count_nonzero(mask, 1) | mask.all(1)
mask.any() | mask.sum() | n.prod() | n.cumsum(0) | n.max() | m.isin(n, k) | m.tril_indices(3, 4, -1)
m.arange(1, 10, 3) | m.arange(0.0, 1.0, 0.1) | m.linspace(-1, 1, 6) | m.logspace(0, 1, 3, 2.0)
m.eye(2, 3) | m.full((2,), 7) | m.full_like(x, 2) | m.ones_like(n) | n.new_zeros(2)
x.new_full((2,), 1)
x.long() | x.to(m.float32) | n.type_as(x) | n.double() | x.byte().bool() | m.empty(0).sum()
n.float().mean() | m.zeros(0, 3).sum(0) | m.ones(2, dtype=m.int32) / 2 | m.tensor([1, 2.5])
m.as_tensor([True, False]) | m.scalar_tensor(3) | m.tensor([]) | m.Tensor([1, 2]) | m.Tensor(2, 0)
"""


def _listed(text):
    return [item.strip() for line in text.strip().splitlines() for item in line.split(" | ")]


def _numpy(result):
    return np.asarray(result.detach().numpy() if hasattr(result, "detach") else result)


def _run(m, make, expression):
    names = {name: make(array).requires_grad_() for name, array in NUMBERS.items()}
    names |= {name: make(array) for name, array in OTHERS.items()}
    return names, eval(expression, {"m": m, **names})


@pytest.mark.parametrize("expression", _listed(EXPRESSIONS) + _listed(WITHOUT_GRADIENT))
@pytest.mark.filterwarnings("ignore")
def test_as_in_pytorch(expression):
    theirs, expected = _run(torch, torch.tensor, expression)
    ours, result = _run(cnet, cnet.tensor, expression)
    expected_array, array = _numpy(expected), _numpy(result)
    assert (array.dtype, array.shape) == (expected_array.dtype, expected_array.shape)
    np.testing.assert_allclose(array, expected_array, rtol=1e-6, atol=1e-12)
    assert result.requires_grad == expected.requires_grad
    if expected.requires_grad:
        weights = np.cos(np.arange(array.size)).reshape(array.shape)
        expected.backward(torch.tensor(weights))
        result.backward(weights)
        for name in NUMBERS:
            want, got = theirs[name].grad, ours[name].grad
            if want is None:
                assert got is None
            else:
                np.testing.assert_allclose(_numpy(got), _numpy(want), rtol=1e-7, atol=1e-10)
