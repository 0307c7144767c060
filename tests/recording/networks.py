"""Networks and training steps for the tests of captured steps."""

from collections.abc import Callable
from typing import Any

import numpy as np

import cnet
from cnet import nn, optim
from cnet.functional import avg_pool2d, cross_entropy, pad

Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
SHAPE = (3, 8, 8)


class Residual(nn.Module):
    """A small residual network with batch norm, dropout and operations in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(4, 10)

    def forward(self, x: Any) -> cnet.Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(x))
        y += x
        return self.fc(self.drop(self.relu(y).mean((2, 3))))


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10),
    )  # fmt: skip


def various() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.GroupNorm(2, 8), nn.SiLU(), nn.AvgPool2d(2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 8, 3, groups=8), nn.InstanceNorm2d(8, track_running_stats=True), nn.GELU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(32), nn.Linear(32, 10),
    )  # fmt: skip


class Places(nn.Module):
    """Convolutions whose images are enlarged, cut, padded and joined, with a class for a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.conv2 = nn.Conv2d(6, 10, 1)

    def forward(self, x: Any) -> cnet.Tensor:
        x = self.bn1(self.conv1(x)).relu()
        around = pad(x[:, :, ::2, 1::2], (2, 2, 1, 3), value=0.5)
        return avg_pool2d(self.conv2(cnet.cat([self.up(avg_pool2d(x, 2)), around], 1)), 8)


def dense() -> nn.Module:
    return cnet.models.DenseNet(4, (3, 2), num_init_features=8, bn_size=2, num_classes=10)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "dense": dense,
    "plain": plain,
    "places": Places,
    "residual": Residual,
    "various": various,
}
OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, 0.1, 0.9, weight_decay=1e-3, nesterov=True),
    "Adam": lambda params: optim.Adam(params, lr=0.01),
    "AMSGrad": lambda params: optim.Adam(params, lr=0.01, amsgrad=True),
    "AdamW": lambda params: optim.AdamW(params, lr=0.01),
    "RMSprop": lambda params: optim.RMSprop(params, lr=0.01),
}


def batches(count: int, n: int = 4, dtype: Any = np.float32) -> list[Batch]:
    rng = np.random.default_rng(1)
    return [
        (rng.normal(size=(n, *SHAPE)).astype(dtype), rng.integers(0, 10, n)) for _ in range(count)
    ]


class Training:
    """A network and its step, `cnet.capture`d if asked for."""

    def __init__(
        self, network: str = "plain", optimizer: str = "SGD", captured: bool = False,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        cnet.manual_seed(0)
        self.model = NETWORKS[network]().to(dtype)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.step: Any = cnet.capture(self._step) if captured else self._step
        self.before_update: Callable[[], Any] = lambda: None
        self._random = cnet.get_rng_state()

    def _step(self, x: Any, target: Any) -> tuple[cnet.Tensor, dict[str, cnet.Tensor]]:
        self.optimizer.zero_grad()
        scores = self.model(x)
        loss = cross_entropy(scores, target.reshape(-1, *[1] * (scores.ndim - 2)))
        loss.backward()
        self.before_update()
        self.optimizer.step()
        return loss, {"scores": scores}

    def bits(self) -> list[bytes]:
        """The bits of parameters, buffers, gradients and the optimizer's state."""
        tensors = [*self.model.state_dict().values()]
        tensors += [parameter.grad for parameter in self.model.parameters()]
        tensors += [value for state in self.optimizer.state.values() for value in state.values()]
        return [tensor.detach().numpy().tobytes() for tensor in tensors]

    def run(self, data: list[Batch]) -> list[bytes]:
        """Train with random numbers of its own; returns the bits of all results."""
        results = []
        cnet.set_rng_state(self._random)
        for x, target in data:
            loss, more = self.step(x, target)
            results += [loss.detach().numpy().tobytes(), more["scores"].detach().numpy().tobytes()]
        self._random = cnet.get_rng_state()
        return results
