"""Kernels against PyTorch, which defines names, defaults and corner cases."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from cnet import kernels, runtime
from specs import SPECS
from specs.loss import CROSS_ENTROPY_CASES, CrossEntropyCase
from specs.tables.conv2d import CONV2D_CASES, Conv2dCase
from specs.tables.pool2d import POOL2D_CASES, Pool2dCase
from tolerance import assert_bounded, assert_exact

torch = pytest.importorskip("torch", reason="PyTorch is what these tests compare with")
F = torch.nn.functional

pytestmark = pytest.mark.parametrize(
    "impl", ["reference", runtime.available_isas()[-1]], indirect=True
)

# PyTorch rejects most empty shapes; `unfold` and `fold` do not accept named padding.
CONVS = [case for case in CONV2D_CASES[::7] if 0 not in case.x_shape + case.weight_shape]
UNFOLDS = [case for case in CONVS if not isinstance(case.padding, str)]
POOLS = [case for case in POOL2D_CASES[::2] if 0 not in case.x_shape]
AVERAGES = [case for case in POOLS if case.dilation == 1]
LOSSES = [case for case in CROSS_ENTROPY_CASES[::2] if case.n and case.classes]


def leaf(x: np.ndarray, dtype: Any = np.float64) -> Any:
    return torch.tensor(x.astype(dtype), requires_grad=True)


def torch_conv2d(case: Conv2dCase, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """y, dx, dw, db in float64."""
    x, weight, bias = leaves = [leaf(a) for a in arrays[:3]]
    y = F.conv2d(x, weight, bias, **case.options)
    gradients = torch.autograd.grad(y, leaves, torch.tensor(arrays[3], dtype=torch.float64))
    return [tensor.detach().numpy() for tensor in (y, *gradients)]


@lru_cache(maxsize=4)  # for the next implementation
def expected_of_conv2d(case: Conv2dCase, dtype: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The results for arrays of a dtype, and those for their magnitudes."""
    arrays = case.arrays(dtype)
    return torch_conv2d(case, list(arrays)), torch_conv2d(case, [np.abs(a) for a in arrays])


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("case", CONVS, ids=lambda case: case.id)
def test_conv2d(impl: str, dtype: Any, case: Conv2dCase) -> None:
    x, weight, bias, grad_output = case.arrays(dtype)
    y = kernels.conv2d(x, weight, bias, **case.options)
    gradients = kernels.conv2d_backward(grad_output, x, weight, **case.options)
    expected, scales = expected_of_conv2d(case, dtype)
    forward, backward = (SPECS[name].call(case, dtype) for name in ("conv2d", "conv2d_backward"))
    terms = forward.terms + backward.terms
    for got, wanted, k, scale in zip((y, *gradients), expected, terms, scales, strict=True):
        assert_bounded(got, wanted, k, scale)


@pytest.mark.parametrize("case", UNFOLDS, ids=lambda case: case.id)
def test_im2col_and_col2im(impl: str, dtype: Any, case: Conv2dCase) -> None:
    x, weight, *_ = case.arrays(dtype)
    kernel_size = weight.shape[2:]
    cols = kernels.im2col(x, kernel_size, **case.window)
    assert_exact(cols, F.unfold(torch.tensor(x), kernel_size, **case.window).numpy())
    folded = F.fold(torch.tensor(cols), x.shape[2:], kernel_size, **case.window).numpy()
    back = kernels.col2im(cols, x.shape, kernel_size, **case.window)
    assert_bounded(back, folded, kernel_size[0] * kernel_size[1])


@pytest.mark.parametrize("case", POOLS, ids=lambda case: case.id)
def test_max_pool2d(impl: str, dtype: Any, case: Pool2dCase) -> None:
    options = {**case.window, "dilation": case.dilation}
    x = case.x(dtype)
    y, indices = kernels.max_pool2d(x, **options)
    tensor = leaf(x, dtype)
    expected, places = F.max_pool2d(tensor, **options, return_indices=True)
    assert_exact(y, expected.detach().numpy())
    seen = indices >= 0  # PyTorch returns some position outside for a window without a cell
    assert_exact(indices[seen], places.numpy()[seen].astype(np.int32))
    if seen.all():
        grad_output = case.random().standard_normal(y.shape, dtype)
        (dx,) = torch.autograd.grad(expected, tensor, torch.tensor(grad_output))
        assert_exact(kernels.max_pool2d_backward(grad_output, indices, x.shape), dx.numpy())


@pytest.mark.parametrize("case", AVERAGES, ids=lambda case: case.id)
def test_avg_pool2d(impl: str, dtype: Any, case: Pool2dCase) -> None:
    options = case.averaging
    x = case.random().standard_normal(case.x_shape, dtype)
    y = kernels.avg_pool2d(x, **options)
    tensor, k = leaf(x), case.cells
    expected = F.avg_pool2d(tensor, **options)
    assert_bounded(y, expected.detach().numpy(), k, k * np.abs(x).max())
    grad_output = case.random().standard_normal(y.shape, dtype)
    (dx,) = torch.autograd.grad(expected, tensor, torch.tensor(grad_output.astype(np.float64)))
    got = kernels.avg_pool2d_backward(grad_output, x.shape, **options)
    assert_bounded(got, dx.numpy(), k, k * np.abs(grad_output).max())


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_cross_entropy(impl: str, dtype: Any, case: CrossEntropyCase, reduction: str) -> None:
    """The mean is the sum of the kernel's losses, divided by the sum of the targets' weights."""
    names = "cross_entropy", "cross_entropy_backward"
    forward, backward = (SPECS[name].call(case, dtype) for name in names)
    logits, target, weight = forward.arrays
    losses, logsumexp = kernels.cross_entropy(*forward.arrays, **forward.options)
    grad_losses = backward.arrays[0]
    loss: Any = losses
    if reduction != "none":
        counted = target != case.ignore_index
        weights = np.ones(case.classes, dtype) if weight is None else weight
        divisor = weights[target[counted]].sum() if reduction == "mean" else dtype(1)
        if divisor == 0:
            pytest.skip("no target counts")
        loss = losses.sum() / divisor
        grad_losses = np.full(case.n, 1 / divisor)
    dlogits = kernels.cross_entropy_backward(
        grad_losses, logits, target, logsumexp, weight, **backward.options
    )
    tensor = leaf(logits)
    expected = F.cross_entropy(
        tensor,
        torch.tensor(target),
        None if weight is None else torch.tensor(weight.astype(np.float64)),
        reduction=reduction,
        **forward.options,
    )
    seed = torch.tensor(grad_losses.astype(np.float64)) if reduction == "none" else None
    (wanted,) = torch.autograd.grad(expected, tensor, seed)
    top = np.abs(logits).max()
    assert_bounded(logsumexp, torch.logsumexp(tensor, 1).detach().numpy(), case.classes, top)
    k = case.classes * (1 if reduction == "none" else case.n)
    assert_bounded(loss, expected.detach().numpy(), k, 2 * top)
    assert_bounded(dlogits, wanted.numpy(), k, top * np.abs(grad_losses).max())


def _follow(optimizer: Any, parameter: Any, grads: np.ndarray, mine: np.ndarray, step: Any) -> None:
    """Both receive the same gradients; every step must agree."""
    for i, grad in enumerate(grads):
        parameter.grad = torch.tensor(grad)
        optimizer.step()
        step(i, grad)
        expected = parameter.detach().numpy()
        assert_bounded(mine, expected, 8 * (i + 1), 1 + np.abs(expected))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.9, "nesterov": True, "maximize": True},
        {"maximize": True, "weight_decay": 0.1},
    ],
    ids=repr,
)
def test_sgd_step(impl: str, dtype: Any, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    param, grads = rng.standard_normal(37, dtype), rng.standard_normal((6, 37), dtype)
    parameter = leaf(param, dtype)
    buffer = np.full(37, np.nan, dtype) if "momentum" in options else None

    def step(i: int, grad: np.ndarray) -> None:
        kernels.sgd_step(param, grad, buffer, lr=0.1, first=i == 0, **options)

    _follow(torch.optim.SGD([parameter], lr=0.1, **options), parameter, grads, param, step)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam_step(
    impl: str, dtype: Any, weight_decay: float, maximize: bool, decoupled: bool
) -> None:
    rng = np.random.default_rng(0)
    param, grads = rng.standard_normal(37, dtype), rng.standard_normal((6, 37), dtype)
    parameter = leaf(param, dtype)
    optimizer = (torch.optim.AdamW if decoupled else torch.optim.Adam)(
        [parameter], 0.01, (0.8, 0.95), 1e-8, weight_decay, maximize=maximize
    )
    moments = np.zeros((2, 37), dtype)

    def step(i: int, grad: np.ndarray) -> None:
        kernels.adam_step(
            param, grad, *moments, 0.01, 0.8, 0.95, 1e-8, weight_decay, i + 1, maximize, decoupled
        )

    _follow(optimizer, parameter, grads, param, step)
