"""The side "cnet": its kernels as functions of arrays, and its modules, graph and optimizer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import functional as F
from .. import kernels, models, optim
from ..recording import capture
from ..tensor import Tensor
from .numpy_network import BETAS, EPS, LR
from .sides import Array

asarray = np.asarray


def im2col(x: Array, kernel_size: tuple[int, int], stride: int = 1, padding: int = 0) -> Array:
    return kernels.im2col(x, kernel_size, stride, padding)


def conv2d(
    x: Array, weight: Array, bias: Array, stride: int = 1, padding: int = 0, groups: int = 1
) -> tuple[Array, Any]:
    y = kernels.conv2d(x, weight, bias, stride, padding, groups=groups)
    return y, (x, weight, stride, padding, groups)


def conv2d_backward(
    grad_output: Array, saved: Any, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    x, weight, stride, padding, groups = saved
    dx, dw, db = kernels.conv2d_backward(
        grad_output, x, weight, stride, padding, groups=groups, needs=(need_dx, True, True)
    )
    assert dw is not None
    assert db is not None
    return dx, dw, db


def max_pool2d(x: Array, kernel_size: int) -> tuple[Array, Any]:
    y, indices = kernels.max_pool2d(x, kernel_size)
    return y, (indices, x.shape)


def max_pool2d_backward(grad_output: Array, saved: Any) -> Array:
    return kernels.max_pool2d_backward(grad_output, *saved)


class Trainer:
    """Training steps of a network, by default the reference CNN, replayed if `captured`."""

    def __init__(
        self, parameters: Sequence[Array], model: Any = None, captured: bool = False
    ) -> None:
        self._model = (model or models.reference_cnn()).to(parameters[0].dtype)
        self._tensors = list(self._model.parameters())
        for tensor, values in zip(self._tensors, parameters, strict=True):
            tensor.detach().numpy()[...] = values
        self._optimizer = optim.Adam(self._tensors, LR, BETAS, EPS)
        self._step = capture(self._eager_step) if captured else self._eager_step

    @property
    def parameters(self) -> list[Array]:
        return [tensor.detach().numpy() for tensor in self._tensors]

    @property
    def gradients(self) -> list[Array]:
        return [tensor.grad.numpy() for tensor in self._tensors if tensor.grad is not None]

    def _eager_step(self, x: Array, target: npt.NDArray[np.int64]) -> Tensor:
        self._optimizer.zero_grad()
        loss = F.cross_entropy(self._model(x), target)
        loss.backward()
        self._optimizer.step()
        return loss

    def step(self, x: Array, target: npt.NDArray[np.int64]) -> float:
        return float(self._step(x, target).item())


trainer = Trainer
