"""Kill a training with SIGKILL at random moments, resume it, and compare the result.

    python bench/kill.py --kills 20

The training has everything with a state: shuffling, dropout, augmentation, mixup, Adam, a schedule,
an average of the weights, accumulated gradients. The weights and the history must be those of a
training that was not disturbed, bit for bit.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPTIONS = [
    *("--model", "small_cnn", "--batch-size", "16", "--accumulate", "3", "--lr", "0.003"),
    *("--schedule", "onecycle", "--weight-decay", "1e-4", "--augment", "shift,rotate"),
    *("--mixup", "0.2", "--label-smoothing", "0.05", "--ema", "0.99"),
]
EPOCHS_PER_KILL = 2
TIMES = "seconds", "images_per_second"
LONGEST = 0.4
"""Seconds from the first step of a process to its end."""


def result(folder: Path) -> tuple[bytes, list[dict[str, float]]]:
    """What must be equal: the weights, and the history without its times."""
    history = json.loads((folder / "history.json").read_text())
    rows = [{name: row[name] for name in row if name not in TIMES} for row in history]
    return (folder / "model.safetensors").read_bytes(), rows


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A process that trains in a folder and saves often."""
    command = [sys.executable, "-m", "cnet", "train", "--out", str(folder), "--threads", "1"]
    return subprocess.Popen(
        [*command, "--checkpoint-every", "0.02", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_training(process: "subprocess.Popen[str]", checkpoint: Path) -> None:
    """Wait until the process trains; there is a checkpoint then."""
    assert process.stderr is not None
    for line in process.stderr:
        if "parameters" in line:
            break
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.001)


def killed_run(folder: Path, epochs: int, kills: int, seed: int) -> int:
    """Train with at most this number of kills; returns how many there were."""
    moments = random.Random(seed)
    arguments: list[str] = [*OPTIONS, "--epochs", str(epochs)]
    for count in range(kills):
        process = start(folder, *arguments)
        wait_for_training(process, folder / "checkpoint.safetensors")
        time.sleep(moments.uniform(0, LONGEST))
        process.send_signal(signal.SIGKILL)
        _, report = process.communicate()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, report
            return count
        arguments = ["--resume"]
    process = start(folder, *arguments)
    _, report = process.communicate()
    assert process.returncode == 0, report
    return kills


def compare(kills: int, seed: int = 0) -> int:
    """Train without and with kills; returns the number of kills that hit the training.

    Raises
    ------
    AssertionError
        If the results differ.
    """
    epochs = EPOCHS_PER_KILL * kills
    with tempfile.TemporaryDirectory() as root:
        straight, disturbed = Path(root, "straight"), Path(root, "disturbed")
        _, report = (process := start(straight, *OPTIONS, "--epochs", str(epochs))).communicate()
        assert process.returncode == 0, report
        count = killed_run(disturbed, epochs, kills, seed)
        assert result(disturbed) == result(straight)
        assert {path.name for path in disturbed.iterdir()} == {
            path.name for path in straight.iterdir()
        }
    print(f"{count} kills, {epochs} epochs: the same bits")
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    compare(arguments.kills, arguments.seed)
