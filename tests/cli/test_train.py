"""The command line."""

import errno
import json
import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

import cnet.checkpoint
from cnet import cli
from cnet.cli.options import DEFAULTS, LEARNING_RATE, OPTIONS, RECIPES
from cnet.datasets import digits
from cnet.models import small_cnn
from cnet.runtime import config, get_num_threads, use_threads
from cnet.training import evaluate
from cnet.utils.data import ArrayDataset, DataLoader

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
pytest.importorskip("matplotlib", reason="the curves need matplotlib")

FILES = {"checkpoint.safetensors", "curves.png", "history.json", "model.safetensors"}
TIMES = "seconds", "images_per_second"
SHORT = "--epochs", "2", "--batch-size", "64"


@pytest.fixture
def cnet_train(capsys):
    """Calls the command; returns its exit code and its output."""

    def call(*arguments):
        try:
            code = cli.main(["train", *map(str, arguments)])
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return call


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def trained(folder):
    """What must be identical, bit for bit: weights, and the history without its times."""
    history = json.loads((folder / "history.json").read_text())
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in history]
    return (folder / "model.safetensors").read_bytes(), rows


# A run


def test_the_digits_are_learned_with_the_defaults(cnet_train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = cnet_train()
    folder = tmp_path / "runs" / "digits"
    assert code == 0
    assert set(content(folder)) == FILES

    line = re.fullmatch(
        r"test accuracy (\d+\.\d\d) % after 30 epochs \(\d+\.\d s\); "
        r"model in runs/digits/model.safetensors\n",
        out,
    )
    assert float(line[1]) >= 98.5
    assert len(err.splitlines()) == 32
    assert all(len(printed) < 80 for printed in err.splitlines())

    model = small_cnn((1, 8, 8))
    model.load_state_dict(cnet.checkpoint.load(folder / "model.safetensors"))
    accuracy = evaluate(model, DataLoader(digits(train=False), 100)).accuracy
    history = json.loads((folder / "history.json").read_text())
    assert history[-1]["test_accuracy"] == accuracy
    assert f"{100 * accuracy:.2f}" == line[1]
    assert [row["epoch"] for row in history] == list(range(1, 31))
    assert content(folder)["curves.png"].startswith(b"\x89PNG")


def test_options_decide_over_the_run_and_threads_do_not(cnet_train, tmp_path):
    def weights(*arguments):
        out = tmp_path / "_".join(map(str, arguments))
        with use_threads(get_num_threads()):
            code, *_ = cnet_train(*SHORT, "--out", out, *arguments)
        assert code == 0
        return (out / "model.safetensors").read_bytes()

    usual = weights("--seed", 0)
    assert weights("--threads", 1) == weights("--threads", 3) == usual
    others = {weights("--seed", 1), weights("--lr", 0.01), weights("--optimizer", "sgd")}
    assert len(others | {usual}) == 4


def test_mnist_is_read_from_a_folder(cnet_train, tmp_path, monkeypatch):
    class Few:
        def __init__(self, root, train, download):
            assert (root, download) == ("folder", False)
            self.classes = [*"0123456789"]
            self.train = train

        def as_arrays(self):
            return ArrayDataset(*(array[:40] for array in digits(self.train).arrays))

    monkeypatch.setattr("cnet.datasets.MNIST", Few)
    arguments = "--data", "mnist", "--data-dir", "folder", "--epochs", 1, "--out", tmp_path
    assert cnet_train(*arguments, "--schedule", "constant")[0] == 0
    # Resumed, the run still knows its folder.
    assert cnet_train("--resume", "--epochs", 2, "--out", tmp_path)[0] == 0


def test_without_matplotlib_all_but_the_curves_is_written(cnet_train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = cnet_train(*SHORT, "--out", tmp_path)
    assert code == 0
    assert set(content(tmp_path)) == FILES - {"curves.png"}
    assert "cnet: curves.png was not written: curves: needs matplotlib: pip install" in err
    assert out.startswith("test accuracy")


# A run that already exists


def test_a_finished_run_is_not_overwritten(cnet_train, tmp_path):
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    before = content(tmp_path)
    code, out, err = cnet_train(*SHORT, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert err == (
        f"cnet: error: {tmp_path} contains a run: use --resume to continue it, or another --out\n"
    )
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", sorted(FILES - {"checkpoint.safetensors"}))
def test_files_of_the_same_names_are_not_overwritten(cnet_train, tmp_path, name):
    (tmp_path / name).write_text("mine")
    code, _, err = cnet_train(*SHORT, "--out", tmp_path)
    assert code == 2
    assert err == f"cnet: error: {tmp_path} already contains {name}: use another --out\n"
    assert content(tmp_path) == {name: b"mine"}


def test_a_folder_with_other_files_is_taken(cnet_train, tmp_path):
    (tmp_path / "notes").write_text("mine")
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    assert set(content(tmp_path)) == {*FILES, "notes"}


def test_more_epochs_by_resuming_are_the_same_to_the_last_bit(cnet_train, tmp_path):
    arguments = "--batch-size", 64, "--lr", 0.002, "--seed", 5
    assert cnet_train(*arguments, "--epochs", 3, "--out", tmp_path / "straight")[0] == 0
    assert cnet_train(*arguments, "--epochs", 1, "--out", tmp_path / "resumed")[0] == 0
    code, out, _ = cnet_train("--resume", "--epochs", 3, "--out", tmp_path / "resumed")
    assert code == 0
    assert "after 3 epochs" in out
    assert trained(tmp_path / "resumed") == trained(tmp_path / "straight")


def test_resuming_removes_files_that_a_killed_process_left(cnet_train, tmp_path):
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    for name in (".0123456789abcdef.tmp", ".mine.tmp", "notes.tmp"):
        (tmp_path / name).write_text("half")
    assert cnet_train(*SHORT, "--out", tmp_path, "--resume")[0] == 0
    assert set(content(tmp_path)) == {*FILES, ".mine.tmp", "notes.tmp"}


def test_resuming_a_finished_run_changes_nothing(cnet_train, tmp_path):
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    before = content(tmp_path)
    assert cnet_train(*SHORT, "--out", tmp_path, "--resume")[0] == 0
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--lr", "0.5"], "was started with --lr 0.003 (got --lr 0.5): use another --out"),
        (
            ["--seed", "3", "--batch-size", "7", "--optimizer", "sgd", "--data", "mnist"],
            "was started with --data digits --batch-size 64 --optimizer adam --seed 0 "
            "(got --data mnist --batch-size 7 --optimizer sgd --seed 3): use another --out",
        ),
        (["--epochs", "1"], "--epochs must be at least that of the run (got 1 and 2)"),
    ],
)
def test_resuming_with_other_options_is_refused(cnet_train, tmp_path, arguments, reason):
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    before = content(tmp_path)
    code, _, err = cnet_train("--resume", "--out", tmp_path, *arguments)
    assert code == 2
    assert err.startswith("cnet: error: ")
    assert err.endswith(f"{reason}\n")
    assert content(tmp_path) == before


def test_resuming_with_other_data_is_refused(cnet_train, tmp_path, monkeypatch):
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    before = content(tmp_path)
    monkeypatch.setattr("cnet.datasets.digits", lambda train: digits(train, seed=1))
    code, _, err = cnet_train("--resume", "--out", tmp_path)
    assert code == 2
    assert err.startswith("cnet: error: the training data is not that of the run: check --data-dir")
    assert content(tmp_path) == before


# Ctrl-C


class Terminal:
    """The command in a terminal of 80 columns, in which Ctrl-C is typed."""

    # A session leader that opens a terminal is interrupted by the Ctrl-C typed there.
    PROGRAM = (
        "import fcntl, os, sys, termios\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'cnet', *sys.argv[1:]])"
    )

    def __init__(self, *arguments):
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, *map(str, arguments)],
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
            start_new_session=True,
        )
        os.close(theirs)
        self.printed = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def read_until(self, pattern):
        while not re.search(pattern, self.printed):
            self.printed += os.read(self.ours, 4096).decode()

    def type(self, text):
        os.write(self.ours, text.encode())

    def wait(self):
        with suppress(OSError):  # a terminal without writers ends this way
            while data := os.read(self.ours, 4096):
                self.printed += data.decode()
        return self.process.wait()


def test_ctrl_c_in_a_terminal_saves_the_run_and_resuming_is_the_same_to_the_last_bit(
    cnet_train, tmp_path
):
    arguments = "--epochs", 4, "--batch-size", 8
    with Terminal("train", *arguments, "--out", tmp_path / "run") as terminal:
        terminal.read_until("epoch 2/4 .*images/s")
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert set(content(tmp_path / "run")) == {"checkpoint.safetensors"}
    assert "Traceback" not in terminal.printed
    saved = cnet.checkpoint.load(tmp_path / "run" / "checkpoint.safetensors")
    epoch = len(saved["trainer"]["history"]) + 1
    assert 2 <= epoch <= 4
    assert terminal.printed.endswith(
        f"\r\ncnet: interrupted in epoch {epoch}; the run is saved. To continue it:\r\n"
        f"  cnet train --resume --out {tmp_path / 'run'}\r\n"
    )

    assert cnet_train("--resume", "--out", tmp_path / "run")[0] == 0
    assert cnet_train(*arguments, "--out", tmp_path / "straight")[0] == 0
    assert trained(tmp_path / "run") == trained(tmp_path / "straight")


def test_an_interrupted_run_is_not_overwritten(cnet_train, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("cnet.training.interrupt.Interrupt.requested", True)
        assert cnet_train(*SHORT, "--out", tmp_path)[0] == 130
    before = content(tmp_path)
    code, _, err = cnet_train(*SHORT, "--out", tmp_path)
    assert code == 2
    assert "contains a run: use --resume to continue it" in err
    assert content(tmp_path) == before
    assert cnet_train("--resume", "--out", tmp_path)[0] == 0


def test_a_second_ctrl_c_leaves_the_checkpoint_as_it_was(cnet_train, tmp_path, monkeypatch):
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    before = content(tmp_path)

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("cnet.training.Trainer.fit", interrupt)
    code, out, err = cnet_train("--resume", "--out", tmp_path)
    assert (code, out) == (130, "")
    assert err.endswith("\ncnet: interrupted\n")
    assert content(tmp_path) == before


# Errors: one line, and exit code 2 if another command line would work, else 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--epochs", "0"], "argument --epochs: must be at least 1 (got 0)"),
        (["--epochs", "many"], "argument --epochs: must be an integer (got 'many')"),
        (["--batch-size", "-3"], "argument --batch-size: must be at least 1 (got -3)"),
        (["--lr", "0"], "argument --lr: must be positive and finite (got 0)"),
        (["--lr", "nan"], "argument --lr: must be positive and finite (got nan)"),
        (["--lr", "fast"], "argument --lr: must be a number (got 'fast')"),
        (["--seed", "-1"], "argument --seed: must be at least 0 (got -1)"),
        (["--threads", "0"], "argument --threads: must be at least 1 (got 0)"),
        (["--threads", "1000"], "threads must be between 1 and 256 (got 1000)"),
        (
            ["--data", "cifar"],
            "--data must be digits, mnist, fashion-mnist, kmnist, cifar10, cifar",
        ),
        (["--optimizer", "lion"], "argument --optimizer: invalid choice: 'lion'"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--data", "mnist", "--data-dir", "nowhere"], "MNIST: nowhere is not a folder"),
        (["--data-dir", "nowhere"], "--data-dir is not for --data digits; scikit-learn contains"),
        (["--out", "file"], "--out must be a folder (got file, and file is a file)"),
        (["--out", "file/run"], "--out must be a folder (got file/run, and file is a file)"),
        (["--resume"], "there is no runs/digits/checkpoint.safetensors: omit --resume"),
    ],
)
def test_what_the_user_can_mend_is_said_in_one_line(
    cnet_train, tmp_path, monkeypatch, arguments, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    code, out, err = cnet_train(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("cnet: error: ")
    assert reason in err
    assert err.count("\n") == 1
    assert content(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("run", ["run", "run/first", ""])
def test_a_folder_that_cannot_be_written_is_refused_before_images_are_read(
    cnet_train, tmp_path, monkeypatch, run
):
    monkeypatch.setattr(os, "mkdir", failing(OSError(errno.EROFS, "Read-only file system")))
    monkeypatch.setattr("cnet.cli.images.load_images", failing(AssertionError()))
    code, _, err = cnet_train("--out", tmp_path / run)
    message = f"--out must be a folder that can be written (got {tmp_path / run}: Read-only"
    assert code == 2
    assert err.startswith(f"cnet: error: {message}")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_folder_in_proc_is_refused(cnet_train):
    code, _, err = cnet_train("--data-dir", "nowhere", "--data", "mnist", "--out", "/proc/x")
    assert code == 2
    assert "--out must be a folder that can be written (got /proc/x: " in err


def test_a_wrong_model_is_refused_before_images_are_read(cnet_train, tmp_path, monkeypatch):
    monkeypatch.setattr("cnet.cli.images.load_images", failing(AssertionError()))
    code, _, err = cnet_train("--model", "nope", "--out", tmp_path)
    assert (code, err) == (2, "cnet: error: model must be in list_models() (got 'nope')\n")


def failing(error):
    def fail(*arguments, **options):
        raise error

    return fail


@pytest.mark.parametrize(
    ("place", "error", "reason"),
    [
        (
            "cnet.checkpoint.save",
            OSError(errno.ENOSPC, "No space left on device", "runs/x"),
            "runs/x: No space left on device",
        ),
        ("cnet.datasets.digits", ImportError("digits: needs scikit-learn"), "digits: needs scikit"),
        ("cnet.training.Trainer.fit", FloatingPointError("the loss is nan"), "the loss is nan"),
        ("cnet.checkpoint.save", OSError("the network is down"), "the network is down"),
    ],
)
def test_a_failure_is_said_in_one_line(cnet_train, tmp_path, monkeypatch, place, error, reason):
    monkeypatch.setattr(place, failing(error))
    code, out, err = cnet_train(*SHORT, "--out", tmp_path)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith(f"cnet: error: {reason}")


@pytest.mark.parametrize("damage", ["cut", "foreign", "other network"])
def test_a_checkpoint_that_is_no_good_is_said_in_one_line(cnet_train, tmp_path, damage):
    path = tmp_path / "checkpoint.safetensors"
    assert cnet_train(*SHORT, "--out", tmp_path)[0] == 0
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        saved = cnet.checkpoint.load(path)
        if damage == "foreign":
            saved = saved["trainer"]["model"]
        else:
            del saved["trainer"]["model"]["1.bias"]
        cnet.checkpoint.save(saved, path)
    before = content(tmp_path)
    code, out, err = cnet_train("--resume", "--out", tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("cnet: error: ")
    assert err.count("\n") == 1
    assert str(path) in err
    assert content(tmp_path) == before


# The rest of the command


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"cnet {version('cnet-nn')}\n"


def test_info_says_what_the_kernels_run_on(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for name, value in config().items():
        assert re.search(rf"^{name.replace('_', ' ')} .*", out, re.M)
        assert isinstance(value, list) or str(value) in out


def test_what_reads_the_output_may_end_first():
    with subprocess.Popen(
        [sys.executable, "-m", "cnet", "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_without_a_command_there_is_help(capsys):
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^ +{name}\b", out, re.M) for name in cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_fits_a_terminal(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        cli.main([command, "--help"])
    assert end.value.code == 0
    assert all(len(line) <= 80 for line in capsys.readouterr().out.splitlines())


def test_help_tells_the_defaults_that_are_used(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    out = capsys.readouterr().out
    for name, value in DEFAULTS.items():
        assert not value or f"(default: {value}" in out, name
    for name in OPTIONS.keys() & RECIPES["mnist"].keys() - {"lr"}:
        assert f"{RECIPES['mnist'][name]} for mnist)" in out
    for optimizer, rate in LEARNING_RATE.items():
        assert f"{rate} for {optimizer}" in out


def test_help_imports_nothing_that_takes_long():
    program = (
        "import sys\nfrom cnet import cli\ntry: cli.main(['train', '--help'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    modules = set(run("-c", program).splitlines()[-1].split())
    assert not modules & {"sklearn", "matplotlib", "tqdm", "scipy", "cnet.bench", "urllib.request"}


def test_the_package_can_be_run():
    assert run("-m", "cnet", "--version") == f"cnet {version('cnet-nn')}\n"
