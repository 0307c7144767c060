"""What captured steps use: memory, processes, threads."""

import gc
import os
import threading
import tracemalloc
from typing import Any
from weakref import ref

import numpy as np
import pytest

import cnet
from cnet import nn, runtime, training
from cnet.autograd.changes import owner
from cnet.modes import current
from cnet.recording.buffers import Buffer, place
from cnet.utils.data import ArrayDataset, DataLoader

from .networks import Training, batches


def test_a_replay_allocates_only_results() -> None:
    captured = Training("plain", "Adam", captured=True)
    batch = batches(1, n=64)[0]
    for _ in range(5):
        captured.step(*batch)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(20):
            captured.step(*batch)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20_000  # the scores have 2560 bytes, activations 65 kB


def test_recording_keeps_no_values_that_only_kernels_use() -> None:
    alive = []

    @cnet.capture
    def step(x: cnet.Tensor) -> cnet.Tensor:
        middle = cnet.functional.relu(x)
        memory = ref(owner(middle._array))
        y = cnet.functional.relu(middle)
        del middle
        alive.append(memory() is not None)
        return y

    x = cnet.tensor(np.arange(-5e4, 5e4, dtype=np.float32))
    results = [step(x).numpy() for _ in range(5)]
    assert alive == [False] * 3
    assert all((y == np.maximum(x.numpy(), 0)).all() for y in results)


def test_buffers_in_use_at_the_same_time_are_apart() -> None:
    rng = np.random.default_rng(0)
    buffers = []
    for _ in range(60):
        buffer = Buffer(None)
        buffer.high = int(rng.integers(1, 1000))
        buffer.first = int(rng.integers(50))
        buffer.last = buffer.first + int(rng.integers(8))
        buffers.append(buffer)
    places, total = place(buffers)
    for a in buffers:
        assert places[a] % 64 == 0
        assert places[a] + a.size <= total
        for b in buffers:
            apart = places[a] + a.size <= places[b] or places[b] + b.size <= places[a]
            assert a is b or apart or a.last < b.first or b.last < a.first
    assert total < sum(buffer.size for buffer in buffers) / 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_replay_works_after_fork() -> None:
    eager, captured = Training("residual"), Training("residual", captured=True)
    data = batches(8)
    with cnet.use_threads(2):
        eager.run(data[:5])
        captured.run(data[:5])
        child = os.fork()
        if child == 0:
            os._exit(int(eager.run(data[5:]) != captured.run(data[5:])))
        assert os.waitpid(child, 0)[1] == 0
        assert eager.run(data[5:]) == captured.run(data[5:])


@pytest.mark.parametrize(
    "place", ["recorder._other_random_states", "recorder.redirect_kernels", "program.Program.run"]
)
def test_an_interrupted_call_leaves_the_state_of_a_step(
    place: str,
) -> None:
    def interrupted(*args: Any) -> None:
        patch.undo()
        raise KeyboardInterrupt

    layer = nn.Linear(2, 2)
    optimizer = cnet.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    weight, states = layer.weight.detach().numpy(), [b""]

    @cnet.capture
    def step(x: cnet.Tensor) -> cnet.Tensor:
        optimizer.zero_grad()
        loss = (layer(x) ** 2).sum()
        loss.backward()
        optimizer.step()
        states.append(weight.tobytes())
        return loss

    x = cnet.ones(3, 2)
    step(x)
    if place.startswith("program"):
        step(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"cnet.recording.{place}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            step(x)
    assert current.recorder is None
    assert not runtime._reasons
    assert weight.tobytes() == states[-1]
    assert step.replayed == 0
    for _ in range(4):
        step(x)
    assert step.replayed == 1


def test_threads_may_share_a_step() -> None:
    captured = Training("plain", captured=True)
    captured.optimizer.param_groups[0]["lr"] = 0.0
    batch = batches(1)[0]
    expected = captured.run([batch] * 4)[-2:]
    found: list[list[bytes]] = []
    threads = [
        threading.Thread(target=lambda: found.append(captured.run([batch] * 20))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected * 20] * 3


@pytest.mark.parametrize("capture", [True, "auto"])
def test_the_trainer_captures_its_steps(capture: bool | str) -> None:
    def trained(capture: bool | str) -> tuple[list[bytes], training.Trainer]:
        cnet.manual_seed(0)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(70, 6)).astype(np.float32)
        data = ArrayDataset(x, (x[:, 0] > 0).astype(np.int64))
        model = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
        )
        optimizer = cnet.optim.Adam(model.parameters(), lr=0.01)
        callbacks = [training.GradientClipping(0.5)]
        trainer = training.Trainer(model, optimizer, callbacks=callbacks, capture=capture)
        trainer.fit(DataLoader(data, 16, shuffle=True), epochs=5, progress=False)
        return [value.numpy().tobytes() for value in model.state_dict().values()], trainer

    expected, _ = trained(False)
    found, trainer = trained(capture)
    assert found == expected
    assert trainer._compute.replayed == 2  # the last batch is smaller


def test_the_trainer_runs_what_cannot_be_captured() -> None:
    model = nn.Linear(6, 2)
    model.register_forward_hook(lambda module, args, output: None)
    data = DataLoader(ArrayDataset(np.ones((8, 6), np.float32), np.zeros(8, np.int64)), 2)
    optimizer = cnet.optim.SGD(model.parameters())
    training.Trainer(model, optimizer).fit(data, 1, progress=False)
    with pytest.raises(cnet.CaptureError, match="Linear has a hook"):
        training.Trainer(model, optimizer, capture=True).fit(data, 1, progress=False)
