"""Callbacks: what they do, and that a resumed training gives the same bits."""

import csv
import json
import math
import signal
from itertools import count

import numpy as np
import pytest

import cnet
import cnet.functional as F
from cnet import nn, optim, transforms
from cnet.metrics import F1, Accuracy, ConfusionMatrix, Mean
from cnet.optim import lr_scheduler
from cnet.training import (
    EMA,
    BatchTransform,
    Callback,
    Checkpoint,
    CSVHistory,
    EarlyStopping,
    GradientClipping,
    Interrupted,
    JSONLHistory,
    SchedulerStep,
    TensorBoard,
    Trainer,
    evaluate,
)
from cnet.training.augmentation import Flip, Rotate, Shift
from cnet.utils.data import ArrayDataset, DataLoader

SAMPLES, BATCH, EPOCHS = 52, 8, 3
STEPS = -(-SAMPLES // BATCH)
TIMES = "seconds", "images_per_second"


def data(n=SAMPLES, seed=0):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(3, 1, 6, 6))
    labels = rng.integers(0, 3, n)
    return ArrayDataset((patterns[labels] + rng.normal(size=(n, 1, 6, 6))).astype("f4"), labels)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.1), nn.Linear(144, 3),
    )  # fmt: skip


def training(callbacks=lambda model, optimizer: [], seed=0, make=optim.Adam, **options):
    """A trainer and its loaders; `callbacks` makes the callbacks from model and optimizer."""
    cnet.manual_seed(seed)
    model = network()
    optimizer = make(model.parameters(), lr=0.01)
    trainer = Trainer(model, optimizer, callbacks=callbacks(model, optimizer), **options)
    loader = DataLoader(data(), BATCH, shuffle=True)
    return trainer, loader, DataLoader(data(30, 1), 16)


def fit(trainer, loader, test_loader, epochs=EPOCHS):
    return trainer.fit(loader, epochs, test_loader, progress=False)


def trained(trainer):
    weights = {k: np.asarray(v).tobytes() for k, v in trainer.evaluated_model.state_dict().items()}
    return weights, [{k: v for k, v in row.items() if k not in TIMES} for row in trainer.history]


# Exact resume


class StopAfter(Callback):
    """Ctrl-C after a number of steps."""

    def __init__(self, steps):
        self.calls, self.steps = count(1), steps

    def on_step_end(self, trainer):
        if next(self.calls) == self.steps:
            signal.raise_signal(signal.SIGINT)


def everything(model, optimizer):
    onecycle = lr_scheduler.OneCycleLR(optimizer, 0.01, EPOCHS * 4)
    return [
        BatchTransform(Shift(1)),
        BatchTransform(transforms.MixUp(alpha=0.3, num_classes=3)),
        GradientClipping(1.0),
        SchedulerStep(onecycle, per="step"),
        EMA(model, 0.9),
        EarlyStopping("train_loss", patience=10),
    ]


def plateau(model, optimizer):
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    return [SchedulerStep(schedule), BatchTransform(transforms.CutMix(num_classes=3))]


def combined(model, optimizer):
    warm = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)
    rest = lr_scheduler.CosineAnnealingLR(optimizer, 10)
    return [SchedulerStep(lr_scheduler.SequentialLR(optimizer, [warm, rest], [3]), per="step")]


@pytest.mark.parametrize(
    ("callbacks", "options"),
    [
        (everything, {"accumulate": 2, "metrics": {"accuracy": Accuracy(), "top2": Accuracy(2)}}),
        (plateau, {"make": optim.SGD}),
        (combined, {"accumulate": 3}),
    ],
    ids=["everything", "plateau", "combined"],
)
@pytest.mark.parametrize("steps", [1, 5, STEPS, STEPS + 2])
def test_a_resumed_training_gives_the_same_bits(callbacks, options, steps, tmp_path):
    straight = training(callbacks, **options)
    fit(*straight)

    stopped = training(lambda *a: [*callbacks(*a), StopAfter(steps)], **options)
    with pytest.raises(Interrupted):
        fit(*stopped)
    cnet.save(stopped[0].state_dict(), tmp_path / "state")

    resumed = training(callbacks, seed=1, **options)
    resumed[0].load_state_dict(cnet.load(tmp_path / "state"))
    fit(*resumed)
    assert trained(resumed[0]) == trained(straight[0])


def test_checkpoints_during_an_epoch_continue_with_the_same_bits(tmp_path):
    """The process ends without warning: only the file remains."""
    straight = training(everything, accumulate=2)
    fit(*straight)

    class Crash(Callback):
        runs_last = True

        def on_step_end(self, trainer):
            if len(trainer.history) == 1 and trainer.step == 5:
                raise MemoryError

    path = tmp_path / "last"

    def saved(*a):
        return [Checkpoint(path, every_steps=2, extra={"name": "x"}), Crash(), *everything(*a)]

    with pytest.raises(MemoryError):
        fit(*training(saved, accumulate=2))
    content = cnet.load(path)
    assert content["name"] == "x"
    assert content["trainer"]["epoch"]["steps"] == 4
    resumed = training(everything, seed=1, accumulate=2)
    resumed[0].load_state_dict(content["trainer"])
    fit(*resumed)
    assert trained(resumed[0]) == trained(straight[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state["callbacks"].pop(), "callbacks of this trainer"),
        (lambda state: state["epoch"]["metrics"].pop("accuracy"), "metrics of this trainer"),
        (lambda state: state.pop("history"), "keys of this trainer"),
    ],
)
def test_a_state_of_another_trainer_is_refused(change, message):
    state = training(plateau)[0].state_dict()
    change(state)
    with pytest.raises(ValueError, match=f"load_state_dict: state_dict must have the {message}"):
        training(plateau)[0].load_state_dict(state)


# Hooks


def test_hooks_are_called_in_order():
    calls = []

    class Log(Callback):
        def __init__(self, name):
            self.name = name

    def log(hook):
        def call(self, trainer, *batch):
            calls.append((self.name, hook, len(trainer.history), trainer.step))
            return batch or None

        return call

    hooks = "fit_begin", "epoch_begin", "batch", "gradients", "step_end", "epoch_end", "fit_end"
    for hook in hooks:
        setattr(Log, f"on_{hook}", log(hook))
    last = type("Last", (Log,), {"runs_last": True})("last")
    trainer, *loaders = training(lambda *a: [last, Log("first")])
    fit(trainer, DataLoader(data(16), BATCH), loaders[1], epochs=1)
    expected = [("fit_begin", 0, 0), ("epoch_begin", 0, 0)]
    for step in (0, 1):
        expected += [("batch", 0, step), ("gradients", 0, step + 1), ("step_end", 0, step + 1)]
    expected += [("epoch_end", 1, 0), ("fit_end", 1, 0)]
    assert [call[1:] for call in calls if call[0] == "first"] == expected
    assert [call[0] for call in calls] == ["first", "last"] * len(expected)


def test_callbacks_are_closed_after_an_error():
    closed = []

    class Fails(Callback):
        def on_step_end(self, trainer):
            raise ZeroDivisionError

        def close(self):
            closed.append(True)

    trainer, *loaders = training(lambda *a: [Fails()])
    with pytest.raises(ZeroDivisionError):
        fit(trainer, *loaders)
    assert closed == [True]


# Each callback


def test_accumulated_gradients_are_those_of_one_large_batch():
    def gradients(batch, accumulate):
        cnet.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).double()
        seen = []

        class See(Callback):
            def on_gradients(self, trainer):
                seen.append(model[1].weight.grad.numpy().copy())

        x, labels = data().arrays
        loader = DataLoader(ArrayDataset(x.astype("f8"), labels), batch)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        trainer = Trainer(model, optimizer, callbacks=[See()], accumulate=accumulate)
        trainer.fit(loader, 1, progress=False)
        assert trainer.updates == len(seen)
        return seen

    # 52 samples: three groups of 16, and the rest.
    for one, many in zip(gradients(16, 1), gradients(4, 4), strict=True):
        np.testing.assert_allclose(many, one, rtol=1e-12, atol=1e-15)


def test_clipping_limits_the_norm_of_all_gradients():
    norms = []

    class See(Callback):
        def on_gradients(self, trainer):
            squares = [(p.grad.numpy() ** 2).sum() for p in trainer.model.parameters()]
            norms.append(np.sqrt(sum(squares)))

    fit(*training(lambda *a: [GradientClipping(0.01), See()]), epochs=1)
    np.testing.assert_allclose(norms, 0.01, rtol=1e-3)


def test_ema_evaluates_the_average_and_trains_the_model():
    trainer, *loaders = training(lambda model, _: [EMA(model, 0.75)])
    weights = []

    class See(Callback):
        def on_step_end(self, trainer):
            weights.append(trainer.model[0].weight.detach().numpy().copy())

    trainer.callbacks.append(See())
    fit(trainer, *loaders, epochs=1)
    average = weights[0]
    for n, value in enumerate(weights[1:], start=1):
        decay = min(0.75, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * value
    averaged = trainer.evaluated_model
    assert averaged is not trainer.model
    np.testing.assert_allclose(averaged[0].weight.detach().numpy(), average, rtol=1e-5)
    test = cnet.training.evaluate(averaged, loaders[1])
    assert trainer.history[0]["test_loss"] == test.loss


@pytest.mark.parametrize(("per", "steps"), [("step", 4), ("epoch", 1)])
def test_a_schedule_goes_on_after_updates_or_epochs(per, steps):
    def callbacks(model, optimizer):
        return [SchedulerStep(lr_scheduler.ExponentialLR(optimizer, 0.5), per)]

    trainer, *loaders = training(callbacks, accumulate=2)
    fit(trainer, *loaders, epochs=1)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * 0.5**steps)


def test_early_stopping_stops_and_stays_stopped():
    callback = EarlyStopping("train_loss", patience=2, min_delta=1e9)
    trainer, *loaders = training(lambda *a: [callback])
    assert len(fit(trainer, *loaders, epochs=9)) == 3
    assert len(fit(trainer, *loaders, epochs=9)) == 3
    state = trainer.state_dict()
    resumed, *loaders = training(lambda *a: [EarlyStopping("train_loss", 2, min_delta=1e9)])
    resumed.load_state_dict(state)
    assert len(fit(resumed, *loaders, epochs=9)) == 3


def test_the_best_weights_are_kept(tmp_path):
    best = tmp_path / "best"
    callback = Checkpoint(tmp_path / "last", best=best, monitor="test_loss")
    trainer, *loaders = training(lambda *a: [callback])
    fit(trainer, *loaders, epochs=6)
    losses = [row["test_loss"] for row in trainer.history]
    model = network()
    model.load_state_dict(cnet.load(best))
    assert cnet.training.evaluate(model, loaders[1]).loss == min(losses) == callback.best


def test_time_between_checkpoints(tmp_path, monkeypatch):
    now = count()
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    callback = Checkpoint(tmp_path / "last", every_seconds=3)
    saved = []
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, trainer: (saved.append(trainer.step),
                                                   setattr(self, "_saved", next(now)))
    )  # fmt: skip
    fit(*training(lambda *a: [callback]), epochs=1)
    assert saved == [0, 3, 6, 0, 0]  # at the beginning, twice in the epoch, after it, at the end


@pytest.mark.parametrize("kind", [CSVHistory, JSONLHistory])
def test_the_file_of_a_resumed_history_has_no_row_twice(kind, tmp_path):
    path = tmp_path / "history"

    def rows():
        text = path.read_text()
        if kind is JSONLHistory:
            return [json.loads(line) for line in text.splitlines()]
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(text.splitlines())]

    trainer, *loaders = training(lambda *a: [kind(path)])
    fit(trainer, *loaders, epochs=1)
    state = trainer.state_dict()
    fit(trainer, *loaders, epochs=3)
    assert rows() == trainer.history

    resumed, *loaders = training(lambda *a: [kind(path)])
    resumed.load_state_dict(state)
    fit(resumed, *loaders, epochs=2)
    assert rows() == resumed.history
    assert [row["epoch"] for row in rows()] == [1, 2]


def test_tensorboard_gets_the_rows(monkeypatch):
    written = []

    class Writer:
        def __init__(self, log_dir, **kwargs):
            written.append((log_dir, kwargs))

        def add_scalar(self, tag, value, step):
            written.append((tag, value, step))

        def flush(self): ...

        def close(self):
            written.append("closed")

    monkeypatch.setattr("cnet.utils.tensorboard.SummaryWriter", Writer)
    trainer, *loaders = training(lambda *a: [TensorBoard("folder")])
    fit(trainer, *loaders, epochs=1)
    row = trainer.history[0]
    assert written[0] == ("folder", {})
    assert ("loss/test", row["test_loss"], 1) in written
    assert ("lr", 0.01, 1) in written
    assert written[-1] == "closed"
    fit(trainer, *loaders, epochs=2)
    assert ("folder", {"purge_step": 2}) in written


# Metrics and history


def test_metrics_are_in_the_history():
    pytest.importorskip("sklearn")
    trainer, *loaders = training(metrics={"f1": F1(), "top2": Accuracy(2)})
    (row,) = fit(trainer, *loaders, epochs=1)
    names = [f"{part}_{name}" for part in ("train", "test") for name in ("loss", "f1", "top2")]
    assert {*row} == {"epoch", *TIMES, *names}
    assert 0 < row["train_f1"] < row["train_top2"] <= 1


def test_a_metric_without_a_number_is_refused():
    trainer, *loaders = training(metrics={"matrix": ConfusionMatrix(3)})
    with pytest.raises(TypeError, match=r"metrics\['matrix'\] must compute a number \(got ndarray"):
        fit(trainer, *loaders, epochs=1)


def test_notebooks_show_the_history_as_a_table():
    trainer, *loaders = training()
    html = fit(trainer, *loaders, epochs=2)._repr_html_()
    assert html.count("<tr>") == 3
    assert "test_accuracy" in html


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: EarlyStopping(patience=0), ValueError, r"patience must be at least 1 \(got 0\)"),
        (lambda: EarlyStopping(mode="up"), ValueError, "mode must be 'min', 'max' or None"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta must be at least 0"),
        (lambda: EarlyStopping(patience=1.5), TypeError, r"patience must be an int \(got 1.5\)"),
        (lambda: EarlyStopping(["loss"]), TypeError, r"monitor must be a str \(got \['loss'\]"),
        (lambda: Checkpoint("x", every_steps=0), ValueError, "every_steps must be at least 1"),
        (lambda: Checkpoint("x", every_seconds=math.nan), ValueError, "every_seconds must be pos"),
        (lambda: EMA(None), TypeError, r"EMA: model must be a Module \(got NoneType\)"),
        (lambda: fit(*training(), epochs=1.5), TypeError, r"fit: epochs must be an int \(got 1.5"),
        (lambda: fit(*training(), epochs=-1), ValueError, "fit: epochs must be at least 0"),
        (lambda: training()[0].fit([], 1), TypeError, r"train_loader must be a DataLoader \(got l"),
        (
            lambda: training()[0].fit(DataLoader(range(4), 2), 1, progress=False),
            ValueError,
            r"Trainer.fit: train_loader must give pairs of inputs and targets \(got a Tensor\)",
        ),
        (lambda: evaluate(None, []), TypeError, "evaluate: model must be a Module"),
        (lambda: evaluate(nn.Identity(), 3), TypeError, r"evaluate: loader must be an iterable"),
        (lambda: evaluate(nn.Identity(), [(1, 2, 3)]), ValueError, r"give pairs .* a tuple of 3"),
        (lambda: training()[0].load_state_dict(3), TypeError, r"load_state_dict: state_dict must"),
        (lambda: EarlyStopping().load_state_dict(3), TypeError, "EarlyStopping.load_state_dict: s"),
        (lambda: Mean().update("a"), ValueError, r"Mean.update: .* \(arguments: value='a'\)"),
        (lambda: SchedulerStep(3), TypeError, r"scheduler must be an LRScheduler \(got int\)"),
        (lambda: GradientClipping(0), ValueError, "max_norm must be positive"),
        (lambda: EMA(nn.Linear(1, 1), 2), ValueError, "decay must be at least 0 and at most 1"),
        (lambda: training(lambda *a: [print]), TypeError, "callbacks must be Callbacks"),
        (lambda: training(accumulate=0), ValueError, "accumulate must be at least 1"),
        (lambda: training(metrics={"x": 1}), TypeError, r"metrics\['x'\] must be a Metric"),
        (lambda: Shift(-1), ValueError, "pixels must be at least 0"),
        (lambda: Rotate(5, scale=1), ValueError, "scale from 0 to 1"),
        (lambda: Flip()(np.zeros((2, 3)), None), ValueError, r"x must have the shape \(n, c, h, w"),
        (
            lambda: fit(*training(lambda *a: [EarlyStopping("loss")]), epochs=1),
            ValueError,
            r"EarlyStopping: monitor must be a name in the history \(got 'loss'",
        ),
    ],
)
def test_invalid_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Augmentation


def test_shift_moves_each_image_by_whole_pixels():
    cnet.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(40, 2, 5, 6)).astype("f4")
    moved = Shift(1)(x, None)[0].numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = set()
    for image, source in zip(moved, padded, strict=True):
        found = [
            (i, j)
            for i in range(3)
            for j in range(3)
            if (source[:, i : i + 5, j : j + 6] == image).all()
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) == 9


def test_flip_mirrors_some_images():
    cnet.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(30, 1, 3, 4)).astype("f4")
    flipped = Flip()(cnet.tensor(x), None)[0].numpy()
    mirrored = [(a == b[:, :, ::-1]).all() for a, b in zip(flipped, x, strict=True)]
    same = [(a == b).all() for a, b in zip(flipped, x, strict=True)]
    assert [not m for m in mirrored] == same
    assert 5 < sum(same) < 25


def test_rotate_interpolates_linearly():
    cnet.manual_seed(0)
    ramp = np.indices((21, 21))[1].astype("f4")
    x = np.broadcast_to(ramp, (8, 1, 21, 21))
    turned = Rotate(20)(x, None)[0].numpy()
    # Inside of the circle, a rotated ramp is a plane whose gradient has the length 1.
    inner = turned[:, 0, 5:16, 5:16]
    rows, columns = np.diff(inner, axis=1), np.diff(inner, axis=2)
    np.testing.assert_allclose(rows[:, :, :10] ** 2 + columns[:, :10] ** 2, 1, atol=1e-3)
    assert np.ptp(rows.mean(axis=(1, 2))) > 0.1
    np.testing.assert_allclose(Rotate(0)(x, None)[0].numpy(), x, atol=1e-5)


def test_cross_entropy_of_mixed_targets_is_what_is_trained():
    seen = []

    def loss_fn(scores, target):
        seen.append(target)
        return F.cross_entropy(scores, target)

    cnet.manual_seed(0)
    model = network()
    mix = BatchTransform(transforms.MixUp(num_classes=3))
    trainer = Trainer(model, optim.SGD(model.parameters(), lr=0.1), loss_fn, callbacks=[mix])
    trainer.fit(DataLoader(data(), BATCH), 1, progress=False)
    assert all(target.shape[1:] == (3,) for target in seen)
    assert 0 <= trainer.history[0]["train_accuracy"] <= 1
