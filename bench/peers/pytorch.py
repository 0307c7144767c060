"""PyTorch as a side, in both layouts and compiled."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnet.bench import numpy_network
from cnet.bench.sides import Array
from work.networks import reference_cnn

aten = torch.ops.aten

Build = Callable[[Any], nn.Module]


def load(model: nn.Module, parameters: Sequence[Array]) -> None:
    """Copy the arrays into the parameters, in their order."""
    with torch.no_grad():
        for tensor, values in zip(model.parameters(), parameters, strict=True):
            tensor.copy_(torch.from_numpy(values))


class Trainer:
    """See `cnet.bench.sides.Trainer`."""

    def __init__(self, model: nn.Module, run: Callable[[Tensor], Tensor]) -> None:
        self._model, self._run = model, run
        self._optimizer = torch.optim.Adam(
            model.parameters(), numpy_network.LR, numpy_network.BETAS, numpy_network.EPS
        )

    @property
    def parameters(self) -> list[Array]:
        return [tensor.detach().numpy() for tensor in self._model.parameters()]

    @property
    def gradients(self) -> list[Array]:
        return [tensor.grad.numpy() for tensor in self._model.parameters()]

    def step(self, x: Tensor, target: Tensor) -> float:
        self._optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self._run(x), target)
        loss.backward()
        self._optimizer.step()
        return loss.item()


class PyTorch:
    """Arrays and networks in one memory format, with `torch.compile` if `compiled`."""

    def __init__(self, memory_format: torch.memory_format, compiled: bool = False) -> None:
        self._memory_format = memory_format
        self._compiled = compiled

    def asarray(self, array: Array) -> Tensor:
        tensor = torch.from_numpy(np.array(array))
        return tensor.to(memory_format=self._memory_format) if tensor.dim() == 4 else tensor

    def conv2d(
        self, x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, padding: int = 0,
        groups: int = 1,
    ) -> tuple[Tensor, Any]:  # fmt: skip
        y = torch.conv2d(x, weight, bias, stride, padding, 1, groups)
        return y, (x, weight, stride, padding, groups)

    def conv2d_backward(self, grad_output: Tensor, saved: Any) -> tuple[Tensor, ...]:
        x, weight, stride, padding, groups = saved
        return aten.convolution_backward(
            grad_output, x, weight, [len(weight)], [stride] * 2, [padding] * 2, [1, 1], False,
            [0, 0], groups, [True, True, True],
        )  # fmt: skip

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    def relu(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def max_pool2d(self, x: Tensor, kernel_size: int) -> tuple[Tensor, Any]:
        y, indices = aten.max_pool2d_with_indices(x, [kernel_size] * 2)
        return y, (x, indices, [kernel_size] * 2)

    def max_pool2d_backward(self, grad_output: Tensor, saved: Any) -> Tensor:
        x, indices, window = saved
        return aten.max_pool2d_with_indices_backward(
            grad_output, x, window, window, [0, 0], [1, 1], False, indices
        )

    def im2col(self, x: Tensor, kernel_size: tuple[int, int], padding: int) -> Tensor:
        return nn.functional.unfold(x, kernel_size, padding=padding)

    def col2im(
        self, cols: Tensor, x_shape: Sequence[int], kernel_size: tuple[int, int], padding: int
    ) -> Tensor:
        return nn.functional.fold(cols, tuple(x_shape[2:]), kernel_size, padding=padding)

    def trainer(self, parameters: Sequence[Array], build: Build = reference_cnn) -> Trainer:
        model, run = self._network(parameters, build)
        return Trainer(model, run)

    def predictor(
        self, parameters: Sequence[Array], example: Tensor, build: Build = reference_cnn
    ) -> Any:
        model, run = self._network(parameters, build)
        model.eval()
        return torch.inference_mode()(lambda x: run(x))

    def _network(self, parameters: Sequence[Array], build: Build) -> tuple[nn.Module, Any]:
        model = build(nn)
        load(model, parameters)
        model.to(memory_format=self._memory_format)
        return model, torch.compile(model, dynamic=False) if self._compiled else model


class Bfloat16(PyTorch):
    """Inference with weights and images of bfloat16; images and results are converted."""

    def __init__(self) -> None:
        super().__init__(torch.channels_last)

    def predictor(
        self, parameters: Sequence[Array], example: Tensor, build: Build = reference_cnn
    ) -> Any:
        model, run = self._network(parameters, build)
        model.eval().bfloat16()
        return torch.inference_mode()(lambda x: run(x.bfloat16()).float())


class Library:
    """See `peers.ours.Library`."""

    package = torch
    functional = nn.functional

    @staticmethod
    def tensor(array: Array, requires_grad: bool) -> Tensor:
        return torch.tensor(array).requires_grad_(requires_grad)


library = Library()
nchw = PyTorch(torch.contiguous_format)
channels_last = PyTorch(torch.channels_last)
compiled = PyTorch(torch.contiguous_format, compiled=True)
bfloat16 = Bfloat16()
