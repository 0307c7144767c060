"""Training, evaluation, and interruption without loss of work."""

import io
import signal
import sys
import threading
from itertools import chain, count, islice, repeat

import numpy as np
import pytest

import cnet.checkpoint
import cnet.functional as F
from cnet import nn, optim
from cnet.datasets import MNIST
from cnet.models import reference_cnn
from cnet.random import manual_seed
from cnet.training import Callback, Interrupted, Trainer, evaluate
from cnet.utils.data import ArrayDataset, DataLoader

SAMPLES, BATCH = 52, 8
STEPS = -(-SAMPLES // BATCH)
TIMES = "seconds", "images_per_second"


def images(n=SAMPLES, shape=(1, 8, 8), classes=10, seed=0):
    """Noise around a pattern for each class."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(classes, *shape))
    labels = rng.integers(0, classes, n)
    noisy = patterns[labels] + rng.normal(scale=0.5, size=(n, *shape))
    return ArrayDataset(noisy.astype(np.float32), labels)


def trainer_and_loaders(loss_fn=F.cross_entropy, seed=0, **options):
    """A training that depends on shuffling, dropout's random numbers and Adam's state."""
    manual_seed(seed)
    model = reference_cnn((1, 8, 8))
    model.append(nn.Dropout(0.1))
    if isinstance(loss_fn, CtrlC):
        options["capture"] = False  # replays do not call the loss
    trainer = Trainer(model, optim.Adam(model.parameters(), lr=1e-2), loss_fn, **options)
    return trainer, DataLoader(images(), BATCH, shuffle=True), DataLoader(images(30), 7)


def trained(trainer):
    """What must be identical, bit for bit: weights, and the history without its times."""
    weights = {name: value.numpy().tobytes() for name, value in trainer.model.state_dict().items()}
    history = [{k: v for k, v in row.items() if k not in TIMES} for row in trainer.history]
    return weights, history


def fit(trainer, loader, test_loader, epochs=4, **options):
    return trainer.fit(loader, epochs, test_loader, progress=False, **options)


@pytest.fixture(scope="module")
def uninterrupted():
    trainer, *loaders = trainer_and_loaders()
    fit(trainer, *loaders)
    return trained(trainer)


class CtrlC:
    """A loss that is interrupted in its n-th call, as by Ctrl-C."""

    def __init__(self, *steps):
        self.steps = steps
        self.calls = count(1)

    def __call__(self, scores, target):
        call = next(self.calls)
        for step in self.steps:
            if step == call:
                signal.raise_signal(signal.SIGINT)
        return F.cross_entropy(scores, target)


# evaluate


def test_every_sample_counts_the_same_however_the_batches_are_cut():
    model = reference_cnn((1, 8, 8)).double()
    x, labels = images().arrays
    data = ArrayDataset(x.astype(np.float64), labels)
    scores = model(data.arrays[0])
    loss = F.cross_entropy(scores, labels).item()
    accuracy = (scores.detach().numpy().argmax(1) == labels).mean()
    for batch_size in (1, 7, SAMPLES):
        result = evaluate(model, DataLoader(data, batch_size))
        assert result.accuracy == accuracy
        assert result.loss == pytest.approx(loss, rel=1e-12)


def test_evaluation_is_without_graph_and_out_of_training_and_leaves_the_modes_as_they_were():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Dropout(0.5), nn.Linear(64, 10))
    model[1].eval()

    def loss_fn(scores, target):
        assert not scores.requires_grad
        assert not any(module.training for module in model.modules())
        return F.cross_entropy(scores, target)

    evaluate(model, DataLoader(images(), BATCH), loss_fn)
    assert [module.training for module in model.modules()] == [True, True, False, True, True]


def test_modes_are_restored_after_an_error():
    model = nn.Identity()
    with pytest.raises(ZeroDivisionError):
        evaluate(model, [(np.ones((1, 2)), np.zeros(1, int))], lambda scores, target: 1 / 0)
    assert model.training


def test_evaluating_nothing_is_refused():
    with pytest.raises(ValueError, match="evaluate: loader must give at least one sample"):
        evaluate(nn.Identity(), [])


# History and progress


def test_history_is_what_a_loop_by_hand_finds():
    trainer, loader, test_loader = trainer_and_loaders()
    history = fit(trainer, loader, test_loader, epochs=2)

    twin, loader, test_loader = trainer_and_loaders()
    model, optimizer = twin.model, twin.optimizer
    for row in history:
        losses, hits = [], []
        for x, target in loader:
            scores = model(x)
            loss = F.cross_entropy(scores, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += [loss.item()] * len(target)
            hits += [scores.detach().numpy().argmax(1) == target]
        assert row["train_loss"] == pytest.approx(np.mean(losses), rel=1e-12)
        assert row["train_accuracy"] == np.mean(np.concatenate(list(map(np.asarray, hits))))
        test = evaluate(model, test_loader)
        assert (row["test_loss"], row["test_accuracy"]) == (test.loss, test.accuracy)
        assert row["images_per_second"] == pytest.approx(SAMPLES / row["seconds"])
    assert [row["epoch"] for row in history] == [1, 2]
    assert history is trainer.history


def test_without_a_test_loader_the_history_has_no_test():
    trainer, loader, _ = trainer_and_loaders()
    (row,) = trainer.fit(loader, 1, progress=False)
    assert not any("test" in name for name in row)


def test_training_learns():
    trainer, *loaders = trainer_and_loaders()
    assert fit(trainer, *loaders, epochs=10)[-1]["train_accuracy"] > 0.9


def test_epochs_are_counted_over_all_calls():
    trainer, *loaders = trainer_and_loaders()
    assert len(fit(trainer, *loaders, epochs=1)) == 1
    assert len(fit(trainer, *loaders, epochs=3)) == 3
    assert len(fit(trainer, *loaders, epochs=2)) == 3


def test_where_stderr_is_no_terminal_each_epoch_is_a_plain_line(capfd):
    trainer, loader, test_loader = trainer_and_loaders()
    trainer.fit(loader, 2, test_loader)
    out, err = capfd.readouterr()
    assert out == ""
    assert "\r" not in err
    first, second = err.splitlines()
    row = trainer.history[0]
    assert first == (
        f"epoch 1/2  loss {row['train_loss']:#.4g}  accuracy {100 * row['train_accuracy']:.2f} %, "
        f"test {100 * row['test_accuracy']:.2f} %  {row['images_per_second']:.0f} images/s"
    )
    assert second.startswith("epoch 2/2  loss ")


def test_the_report_says_once_why_steps_are_not_captured(capfd):
    def loss_fn(scores, target):
        loss = F.cross_entropy(scores, target)
        assert loss.item() > 0
        return loss

    trainer, loader, _ = trainer_and_loaders(loss_fn)
    assert trainer.refusal is None
    trainer.fit(loader, 3)
    reason = "item() reads values, on which Python code may depend"
    assert trainer.refusal == reason
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[0] == f"steps are not captured: {reason}"


def test_the_step_of_the_optimizer_is_captured():
    trainer, loader, _ = trainer_and_loaders(capture=True)
    trainer.fit(loader, 6, progress=False)
    sizes = {len(target) for _, target in loader}
    assert [captured.replayed for captured in trainer._captured] == [len(sizes)] * 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    trainer, loader, _ = trainer_and_loaders()
    trainer.fit(loader, 1)
    assert "\r" in terminal.getvalue()
    assert " 0 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("images/s\n")


def test_without_progress_nothing_is_printed(capfd, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    trainer, *loaders = trainer_and_loaders()
    fit(trainer, *loaders, epochs=1)
    assert terminal.getvalue() == ""
    assert capfd.readouterr() == ("", "")


# Stopping


@pytest.mark.parametrize("step", [1, 3, STEPS, STEPS + 1, 2 * STEPS, 4 * STEPS - 1, 4 * STEPS])
def test_a_run_interrupted_in_an_epoch_and_resumed_is_the_same_to_the_last_bit(
    step, uninterrupted, tmp_path
):
    # Evaluation also calls the loss. Only the calls in training are steps: 5 batches follow.
    evaluations = (step - 1) // STEPS * 5
    trainer, *loaders = trainer_and_loaders(CtrlC(step + evaluations))
    with pytest.raises(Interrupted):
        fit(trainer, *loaders)
    assert len(trainer.history) == (step - 1) // STEPS
    cnet.checkpoint.save(trainer.state_dict(), tmp_path / "state")

    resumed, *loaders = trainer_and_loaders(seed=1)
    resumed.load_state_dict(cnet.checkpoint.load(tmp_path / "state"))
    fit(resumed, *loaders)
    assert trained(resumed) == uninterrupted


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_run_interrupted_between_epochs_and_resumed_is_the_same_to_the_last_bit(
    epoch, uninterrupted
):
    class Interrupt(Callback):
        def on_epoch_end(self, trainer):
            if len(trainer.history) == epoch:
                signal.raise_signal(signal.SIGINT)

    trainer, *loaders = trainer_and_loaders(callbacks=[Interrupt()])
    with pytest.raises(Interrupted):
        fit(trainer, *loaders)
    state = trainer.state_dict()
    assert len(state["history"]) == epoch

    resumed, *loaders = trainer_and_loaders(seed=1)
    resumed.load_state_dict(state)
    fit(resumed, *loaders)
    assert trained(resumed) == uninterrupted


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_state_taken_between_epochs_resumes_the_same_to_the_last_bit(epoch, uninterrupted):
    trainer, *loaders = trainer_and_loaders()
    if epoch:
        fit(trainer, *loaders, epochs=epoch)
    state = trainer.state_dict()
    fit(trainer, *loaders)  # the state is a copy: this must not change it

    resumed, *loaders = trainer_and_loaders(seed=1)
    resumed.load_state_dict(state)
    assert resumed.state_dict()["loader"] == state["loader"]
    fit(resumed, *loaders)
    assert trained(resumed) == uninterrupted


def test_an_interrupted_run_goes_on_in_the_same_process(uninterrupted):
    trainer, *loaders = trainer_and_loaders(CtrlC(2, 5))
    for _ in range(2):
        with pytest.raises(Interrupted):
            fit(trainer, *loaders)
    fit(trainer, *loaders)
    assert trained(trainer) == uninterrupted


def test_an_interrupt_waits_for_the_end_of_the_step():
    trainer, *loaders = trainer_and_loaders(CtrlC(3))
    with pytest.raises(Interrupted):
        fit(trainer, *loaders)
    assert trainer.optimizer.state_dict()["state"][0]["step"] == 3
    assert trainer.state_dict()["epoch"]["samples"] == 3 * BATCH


def test_an_interrupt_during_evaluation_waits_for_the_end_of_the_epoch():
    saved = []

    class Save(Callback):
        def on_epoch_end(self, trainer):
            saved.append(len(trainer.history))

    trainer, *loaders = trainer_and_loaders(CtrlC(STEPS + 2), callbacks=[Save()])
    with pytest.raises(Interrupted):
        fit(trainer, *loaders)
    assert saved == [1]
    assert "test_loss" in trainer.history[0]


def test_a_second_interrupt_takes_effect_at_once():
    trainer, *loaders = trainer_and_loaders(CtrlC(3, 3))
    with pytest.raises(KeyboardInterrupt) as error:
        fit(trainer, *loaders)
    assert error.type is KeyboardInterrupt
    assert trainer.optimizer.state_dict()["state"][0]["step"] == 2


@pytest.mark.parametrize("loss_fn", [F.cross_entropy, CtrlC(2), CtrlC(2, 2)])
def test_the_handler_is_what_it_was_afterwards(loss_fn):
    def handler(signum, frame):
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGINT, handler)
    try:
        trainer, *loaders = trainer_and_loaders(loss_fn)
        try:
            fit(trainer, *loaders, epochs=1)
        except KeyboardInterrupt:
            assert loss_fn is not F.cross_entropy
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, usual)


def test_a_program_that_ignores_interrupts_goes_on_ignoring_them(uninterrupted):
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trainer, *loaders = trainer_and_loaders(CtrlC(3))
        fit(trainer, *loaders)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)
    assert trained(trainer) == uninterrupted


def test_another_thread_trains_too(uninterrupted):
    trainer, *loaders = trainer_and_loaders()
    thread = threading.Thread(target=fit, args=(trainer, *loaders))
    thread.start()
    thread.join()
    assert trained(trainer) == uninterrupted


def test_after_an_error_the_epoch_goes_on_behind_the_batch_that_failed():
    calls = count(1)

    def loss_fn(scores, target):
        if next(calls) == 3:
            raise ZeroDivisionError
        return F.cross_entropy(scores, target)

    trainer, *loaders = trainer_and_loaders(loss_fn)
    with pytest.raises(ZeroDivisionError):
        fit(trainer, *loaders, epochs=1)
    assert trainer.state_dict()["epoch"]["samples"] == 2 * BATCH
    assert trainer.state_dict()["loader"]["epoch"]["batches"] == 3
    fit(trainer, *loaders, epochs=1)
    assert trainer.optimizer.state_dict()["state"][0]["step"] == STEPS - 1


# Errors


def test_a_loss_that_is_not_finite_stops_before_it_does_harm():
    calls = count(1)

    def loss_fn(scores, target):
        loss = F.cross_entropy(scores, target)
        return loss * np.float32(np.nan) if next(calls) == 3 else loss

    trainer, *loaders = trainer_and_loaders(loss_fn)
    message = r"loss must be finite \(got nan in step 3 of epoch 1\); a smaller learning rate"
    with pytest.raises(FloatingPointError, match=message):
        fit(trainer, *loaders)
    assert trainer.optimizer.state_dict()["state"][0]["step"] == 2


def test_a_test_loss_that_is_not_finite_is_refused():
    trainer, loader, _ = trainer_and_loaders()
    bad = [(np.full((2, 1, 8, 8), np.nan, np.float32), np.zeros(2, np.int64))]
    with pytest.raises(FloatingPointError, match=r"\(got nan after epoch 1\)"):
        fit(trainer, loader, bad)


def test_training_with_nothing_is_refused():
    trainer, *_ = trainer_and_loaders()
    with pytest.raises(ValueError, match=r"fit: train_loader must give at least one batch"):
        fit(trainer, DataLoader(images(3), BATCH, drop_last=True), None)


def test_a_state_of_another_kind_is_refused():
    trainer, *_ = trainer_and_loaders()
    state = trainer.state_dict()
    del state["random"]
    with pytest.raises(ValueError, match=r"load_state_dict: state_dict must have the keys"):
        trainer.load_state_dict(state)


@pytest.mark.parametrize("part", ["optimizer", "random", "updates", "should_stop", "history"])
def test_a_damaged_state_changes_nothing(part):
    trainer, loader, test_loader = trainer_and_loaders()
    fit(trainer, loader, test_loader, epochs=1)
    state = {**trainer.state_dict(), part: 3}
    other, loader, test_loader = trainer_and_loaders(seed=1)
    fit(other, loader, test_loader, epochs=1)
    before = repr(other.state_dict()), trained(other)
    with pytest.raises((TypeError, ValueError)):
        other.load_state_dict(state)
    assert (repr(other.state_dict()), trained(other)) == before


def test_a_loader_with_other_settings_than_that_of_the_state_is_refused():
    trainer, loader, test_loader = trainer_and_loaders()
    fit(trainer, loader, test_loader, epochs=1)
    resumed, *_ = trainer_and_loaders()
    resumed.load_state_dict(trainer.state_dict())
    with pytest.raises(ValueError, match="batch_size"):
        fit(resumed, DataLoader(images(), BATCH + 1, shuffle=True), test_loader)


# Against PyTorch


@pytest.fixture(params=["synthetic", "mnist"])
def training_set(request):
    if request.param == "synthetic":
        return images(4000, (1, 28, 28))
    return MNIST(request.getfixturevalue("mnist_folder")).as_arrays()


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two thread pools on few cores wait for each other
    yield torch
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("dtype", "batch_size", "atol"),
    [
        ("float32", 256, 1e-3),
        # Small noisy batches amplify rounding errors: only float64 can be compared.
        ("float64", 32, 1e-9),
    ],
)
def test_losses_are_those_of_pytorch_over_200_steps(training_set, torch, dtype, batch_size, atol):
    manual_seed(0)
    model = reference_cnn().to(dtype)
    twin = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * 7 * 7, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 10),
    )
    twin.to(getattr(torch, dtype))
    twin.load_state_dict({name: torch.tensor(a) for name, a in model.state_dict().items()})
    images, labels = (array[:4000] for array in training_set.arrays)
    loader = DataLoader(ArrayDataset(images.astype(dtype), labels), batch_size, shuffle=True)
    batches = list(islice(chain.from_iterable(repeat(loader)), 200))

    def losses(optimizer, loss_of):
        for x, target in batches:
            loss = loss_of(x, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()

    ours = losses(
        optim.Adam(model.parameters(), lr=5e-4), lambda x, target: F.cross_entropy(model(x), target)
    )
    theirs = losses(
        torch.optim.Adam(twin.parameters(), lr=5e-4),
        lambda x, target: torch.nn.functional.cross_entropy(
            twin(torch.from_numpy(x.numpy())), torch.from_numpy(target.numpy())
        ),
    )
    ours, theirs = np.array(list(ours)), np.array(list(theirs))  # one after the other
    assert ours[-10:].mean() < ours[0] / 2
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
