"""The curves of a training run."""

import struct
import sys

import pytest

from cnet import plots

matplotlib = pytest.importorskip("matplotlib", reason="pictures need matplotlib")


def history(epochs, test=True):
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            **({"test_loss": 1.1 / epoch, "test_accuracy": 1 - 0.6 / epoch} if test else {}),
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 2, 30])
@pytest.mark.parametrize("test", [True, False])
def test_a_png_of_the_documented_size(epochs, test):
    png = plots.curves(history(epochs, test), "title")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1500, 600)


def test_the_picture_shows_the_numbers_and_the_title():
    pictures = {
        plots.curves(history(3)),
        plots.curves(history(3), "title"),
        plots.curves(history(3, test=False)),
        plots.curves(history(4)),
        *(
            plots.curves([*history(2), {**history(3)[-1], key: 0.123}])
            for key in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        ),
    }
    assert len(pictures) == 8


def test_drawing_leaves_no_trace():
    before = dict(matplotlib.rcParams)
    assert plots.curves(history(2)) == plots.curves(history(2))
    assert dict(matplotlib.rcParams) == before


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match=r"curves: history must have at least one row"):
        plots.curves([])


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"curves: needs matplotlib: pip install cnet-nn\[train]"):
        plots.curves(history(2))
