"""The training step of the reference CNN by PyTorch, in both of its layouts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from cnet.bench import network
from cnet.bench.sides import Array


class Trainer:
    """As `cnet.bench.sides.Trainer`."""

    def __init__(self, memory_format: torch.memory_format, parameters: Sequence[Array]) -> None:
        self._memory_format = memory_format
        self._model = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        with torch.no_grad():
            for tensor, values in zip(self._model.parameters(), parameters, strict=True):
                tensor.data = torch.from_numpy(values.copy())
        self._model.to(memory_format=memory_format)
        self._optimizer = torch.optim.Adam(
            self._model.parameters(), network.LR, network.BETAS, network.EPS
        )

    @property
    def parameters(self) -> list[Array]:
        return [tensor.detach().numpy() for tensor in self._model.parameters()]

    @property
    def gradients(self) -> list[Array]:
        return [tensor.grad.numpy() for tensor in self._model.parameters()]

    def step(self, x: Array, target: npt.NDArray[np.int64]) -> float:
        images = torch.from_numpy(x).to(memory_format=self._memory_format)
        self._optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self._model(images), torch.from_numpy(target))
        loss.backward()
        self._optimizer.step()
        return loss.item()


class Layout:
    """A side that trains in one memory format."""

    def __init__(self, memory_format: torch.memory_format) -> None:
        self._memory_format = memory_format

    def trainer(self, parameters: Sequence[Array]) -> Trainer:
        return Trainer(self._memory_format, parameters)


nchw = Layout(torch.contiguous_format)
channels_last = Layout(torch.channels_last)
