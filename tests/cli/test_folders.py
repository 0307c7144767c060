"""The command with folders of images: training, evaluation and prediction."""

import os
import re
import sys
from pathlib import Path

import pytest

import cnet
from cnet.cli.images import load_images
from cnet.cli.options import complete
from cnet.training import evaluate
from cnet.utils.data import DataLoader

TRAIN = "train", "--image-size", 8, "--epochs", 12, "--batch-size", 8


def test_a_folder_is_learned_and_used(cnet_command, photos, tmp_path):
    out = tmp_path / "run"
    code, text, err = cnet_command(*TRAIN, "--data", photos, "--out", out)
    assert code == 0, err
    assert float(re.search(r"test accuracy ([\d.]+) %", text)[1]) >= 80
    assert f"{photos}: 24 training, 6 test images" in err

    code, text, err = cnet_command("eval", out)
    assert code == 0
    assert re.search(r"^blue +2 +", text, re.M)
    assert re.search(r"test accuracy [\d.]+ % of 6 images, loss [\d.]+\n$", text)
    assert "confusion.png" in err
    for name in ("confusion.png", "errors.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")

    names = [photos / color / "0.png" for color in ("red", "green")]
    code, text, err = cnet_command("predict", out, *names, "--top", 2)
    assert (code, err) == (0, "")
    first, second = text.splitlines()
    assert re.fullmatch(rf"{names[0]}: red [\d.]+ %, (blue|green) [\d.]+ %", first)
    assert re.fullmatch(rf"{names[1]}: green [\d.]+ %, (blue|red) [\d.]+ %", second)

    code, text, _ = cnet_command("predict", out, names[0], "--top", 9)
    assert code == 0
    shares = [float(share) for share in re.findall(r"([\d.]+) %", text)]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_names_of_any_bytes(cnet_command, photos, tmp_path):
    red = Path(os.fsdecode(os.fsencode(photos) + b"/r\xe9d"))
    try:
        (photos / "red").rename(red)
    except OSError:
        pytest.skip("the file system has UTF-8 names only")
    run = tmp_path / "run"
    assert cnet_command("train", "--data", photos, "--epochs", 1, "--out", run)[0] == 0
    assert r"r\udce9d " in cnet_command("eval", run)[1]
    code, out, err = cnet_command("predict", run, red / "0.png")
    assert (code, err) == (0, "")
    assert out.startswith(rf"{photos}/r\udce9d/0.png: ")


def test_workers_do_not_change_the_result(cnet_command, photos, tmp_path):
    weights = []
    for workers in (0, 2):
        out = tmp_path / str(workers)
        options = "--epochs", 2, "--workers", workers
        assert cnet_command(*TRAIN, *options, "--data", photos, "--out", out)[0] == 0
        weights.append((out / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_folders_train_and_test(cnet_command, write_images, tmp_path):
    root = tmp_path / "photos"
    write_images(root / "train", 6)
    write_images(root / "val", 3, seed=1)
    code, _, err = cnet_command(*TRAIN, "--epochs", 1, "--data", root, "--out", tmp_path / "run")
    assert code == 0
    assert "18 training, 9 test images" in err
    # The same network, with other images of the same classes.
    code, text, _ = cnet_command("eval", tmp_path / "run", "--data", root / "train")
    assert code == 0
    assert "of 3 images" in text


def test_the_images_of_the_test_do_not_depend_on_the_seed(photos):
    pytest.importorskip("PIL")
    one, other = (
        load_images(complete({"data": str(photos), "image_size": 8, "seed": seed}))
        for seed in (0, 1)
    )
    assert one.test.indices == other.test.indices
    assert not {*one.test.indices} & {*one.train.indices}
    labels = [one.test[i][1] for i in range(len(one.test))]
    assert sorted(labels) == [0, 0, 1, 1, 2, 2]
    assert one.train[0][0].shape == (3, 8, 8)


def test_eval_is_the_accuracy_of_the_run(cnet_command, photos, tmp_path):
    out = tmp_path / "run"
    assert cnet_command(*TRAIN, "--epochs", 3, "--data", photos, "--out", out)[0] == 0
    options = cnet.load(out / "checkpoint.safetensors")["options"]
    model = cnet.models.small_cnn((3, 8, 8), 3)
    model.load_state_dict(cnet.load(out / "model.safetensors"))
    expected = evaluate(model, DataLoader(load_images(options).test, 4))
    _, text, _ = cnet_command("eval", out)
    assert f"test accuracy {100 * expected.accuracy:.2f} %" in text
    assert f"loss {expected.loss:.4f}" in text


def test_gray_images_for_a_network_of_three_channels(cnet_command, tmp_path):
    pytest.importorskip("sklearn")
    arguments = "--model", "cifar_resnet20", "--image-size", 16, "--epochs", 1
    code, _, err = cnet_command("train", *arguments, "--batch-size", 480, "--out", tmp_path / "run")
    if "has no attribute" in err:
        pytest.skip("the model needs a layer that is missing")
    assert code == 0, err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "red" / "0.png").write_text("x"), "0.png cannot be read as an image"),
        (lambda root: [p.unlink() for p in (root / "red").iterdir()], "for the classes red"),
        (
            lambda root: [p.unlink() for p in list((root / "red").iterdir())[1:]],
            r"red must have at least 2 images \(got 1\)",
        ),
        (
            lambda root: ((root / "train").mkdir(), (root / "test").mkdir()),
            "train has no folder",
        ),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_folders_that_cannot_be_used_are_refused(
    cnet_command, photos, tmp_path, change, message, workers
):
    change(photos)
    out = tmp_path / "run"
    code, _, err = cnet_command(*TRAIN, "--workers", workers, "--data", photos, "--out", out)
    assert code == 2
    assert err.splitlines()[-1].startswith("cnet: error: ")
    assert re.search(message, err)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "resnt18"], "model must be in list_models() (got 'resnt18'; similar names"),
        (["--model", "unet"], "unet "),
        (["--augment", "turn"], "argument --augment: must be none, or some of shift, rotate, fl"),
        (["--ema", "1"], "argument --ema: must be at least 0 and less than 1 (got 1)"),
        (["--weight-decay", "-1"], "argument --weight-decay: must be at least 0 (got -1)"),
        (["--mixup", "nan"], "argument --mixup: must be at least 0 (got nan)"),
        (["--schedule", "x"], "argument --schedule: invalid choice: 'x'"),
        (["--data-dir", "x"], "--data-dir is not for a folder of images"),
    ],
)
def test_invalid_options_are_refused(cnet_command, photos, tmp_path, arguments, message):
    out = tmp_path / "run"
    code, _, err = cnet_command("train", "--data", photos, "--out", out, *arguments)
    assert code == 2
    assert err.startswith("cnet: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_the_epochs_of_a_schedule_cannot_change(cnet_command, photos, tmp_path):
    run = "--data", photos, "--out", tmp_path / "run"
    assert cnet_command(*TRAIN, "--epochs", 1, *run)[0] == 0
    code, _, err = cnet_command("train", "--resume", "--epochs", 2, *run)
    assert code == 2
    assert "--epochs must be that of the run, because its schedule, onecycle, depends on it" in err


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_a_run_that_is_missing_or_incomplete_is_refused(cnet_command, photos, tmp_path, command):
    arguments = [photos / "red" / "0.png"] if command == "predict" else []
    code, _, err = cnet_command(command, tmp_path, *arguments)
    assert (code, err) == (2, f"cnet: error: there is no {tmp_path / 'checkpoint.safetensors'}\n")
    out = tmp_path / "run"
    assert cnet_command(*TRAIN, "--epochs", 1, "--data", photos, "--out", out)[0] == 0
    (out / "model.safetensors").unlink()
    code, _, err = cnet_command(command, out, *arguments)
    assert code == 2
    assert f"{out} is not complete: cnet train --resume --out {out} continues it" in err


def test_other_classes_are_refused(cnet_command, photos, tmp_path):
    out = tmp_path / "run"
    assert cnet_command(*TRAIN, "--epochs", 1, "--data", photos, "--out", out)[0] == 0
    (photos / "red").rename(photos / "yellow")
    code, _, err = cnet_command("eval", out)
    assert code == 2
    assert "are not those of the run (got ['blue', 'green', 'yellow'] and" in err


def test_files_that_are_no_images_and_missing_pillow(cnet_command, photos, tmp_path, monkeypatch):
    out = tmp_path / "run"
    assert cnet_command(*TRAIN, "--epochs", 1, "--data", photos, "--out", out)[0] == 0
    code, _, err = cnet_command("predict", out, out / "history.json")
    assert code == 2
    unreadable = "cannot be read as an image"
    assert err == f"cnet: error: {out / 'history.json'} {unreadable}: its format is unknown\n"
    code, _, err = cnet_command("predict", out, tmp_path / "nothing.png")
    assert (code, err) == (
        2, f"cnet: error: {tmp_path / 'nothing.png'} {unreadable}: No such file or directory\n"
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "PIL", None)
    code, _, err = cnet_command("predict", out, photos / "red" / "0.png")
    assert (code, err) == (
        1, "cnet: error: images need Pillow: pip install 'cnet-nn[images]'\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["small_cnn"], 0, "29 434 parameters; for an input of 1 x 28 x 28: 2 125 696 multiply"),
        (["lenet5", "--input", "3x28x28", "--classes", "7"], 0, "for an input of 3 x 28 x 28"),
        (["lenet5", "--input", "1x8x8"], 2, "lenet5 cannot take images of 1x8x8"),
        (["lenet5", "--input", "28"], 2, "must have the form 3x224x224 (got '28')"),
        (["lenet5", "--input", "0x1x1"], 2, "must have the form 3x224x224 (got '0x1x1')"),
        (["lenet"], 2, "model must be in list_models() (got 'lenet'; similar names"),
    ],
)
def test_summary(cnet_command, arguments, code, message):
    result, out, err = cnet_command("summary", *arguments)
    assert result == code
    assert message in (err if code else out)
