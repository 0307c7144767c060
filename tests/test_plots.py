"""Pictures of trainings and networks."""

import struct
import sys

import numpy as np
import pytest

import cnet
from cnet import nn, plots
from cnet.models import reference_cnn

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


@pytest.mark.parametrize(
    "rows",
    [
        [{"epoch": 1, "train_loss": 0.5}],
        [
            {"epoch": n, "train_loss": 0.5, "train_f1": 0.4, "test_loss": 1, "test_f1": 0.3}
            for n in (1, 2)
        ],
        [{"epoch": 1, "train_loss": 0.5, "train_error": 14.0}],
    ],
)
def test_histories_with_other_metrics(rows):
    assert plots.curves(rows).startswith(b"\x89PNG")


def test_one_epoch_and_a_long_title(monkeypatch):
    monkeypatch.setattr(plots, "png", lambda figure: figure)
    figure = plots.curves(history(1), "a folder with a long name " * 8)
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [1]
    title = figure.texts[0].get_window_extent()
    assert 0 <= title.x0 < title.x1 <= 1500


def test_drawing_leaves_no_trace():
    before = dict(matplotlib.rcParams)
    assert plots.curves(history(2)) == plots.curves(history(2))
    assert dict(matplotlib.rcParams) == before


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match=r"curves: history must have at least one row"):
        plots.curves([])


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r"curves: needs matplotlib: pip install 'cnet-nn\[train\]'"
    ):
        plots.curves(history(2))


# Pictures of networks


def png_size(figure):
    content = plots.png(figure)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_confusion_matrix_shows_the_counts_that_are_not_zero():
    figure = plots.confusion_matrix([[5, 0, 2], [0, 7, 0], [1, 0, 9]], ["cat", "dog", "horse"])
    assert texts(figure) == ["5", "2", "7", "1", "9"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["cat", "dog", "horse"]
    assert min(png_size(figure)) > 400


def test_a_large_confusion_matrix_has_no_numbers():
    assert texts(plots.confusion_matrix(np.eye(31, dtype=int))) == []


@pytest.mark.parametrize(("channels", "ndim"), [(1, 2), (3, 3), (8, 2)])
def test_filters(channels, ndim):
    weight = nn.Conv2d(channels, 10, 3).weight
    figure = plots.filters(weight, columns=4)
    pictures = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(pictures) == 10
    assert pictures[0].ndim == ndim
    if ndim == 2:
        np.testing.assert_array_equal(pictures[3], weight.detach().numpy()[3, 0])
    png_size(figure)


@pytest.mark.parametrize("layer", [None, "3"])
def test_feature_maps(layer):
    model = reference_cnn((1, 8, 8))
    image = np.random.default_rng(0).normal(size=(1, 8, 8)).astype("f4")
    figure = plots.feature_maps(model, image, layer)
    pictures = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    parts = model if layer is None else model[: int(layer) + 1]
    expected = (parts[:1] if layer is None else parts)(image[None]).detach().numpy()[0]
    np.testing.assert_allclose(pictures, expected, rtol=1e-5)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_misclassified_images_begin_with_the_most_certain():
    x = np.linspace(0, 1, 5 * 4).reshape(5, 1, 2, 2).astype("f4")
    scores = np.array([[9, 0], [0, 1], [0, 9], [0, 3], [0, 2]], "f4")
    model = nn.Flatten()
    model.forward = lambda batch: scores[np.flatnonzero(x[:, 0, 0, 0] == batch[0, 0, 0, 0])]
    target = np.array([0, 0, 1, 0, 1])
    batches = [(cnet.tensor(x[i : i + 1]), target[i : i + 1]) for i in range(5)]
    figure = plots.misclassified(model, batches, ["cat", "dog"])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["dog 95 %\nnot cat", "dog 73 %\nnot cat"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), x[3, 0])
    assert figure.get_suptitle() == "2 errors in 5 images"
    assert len(plots.misclassified(model, batches, count=1).axes) == 1
    png_size(plots.misclassified(nn.Flatten(), []))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.confusion_matrix([[1, 2]]), r"matrix must be square \(got shape \(1, 2\)"),
        (lambda: plots.confusion_matrix([[1]], ["a", "b"]), r"name for each row \(got 2 and 1\)"),
        (lambda: plots.filters([1.0]), r"weight must have the shape \(o, c, h, w\) \(got \(1,\)"),
        (lambda: plots.filters(np.ones((1, 1, 2, 2)), columns=0), "columns must be at least 1"),
        (
            lambda: plots.feature_maps(reference_cnn((1, 8, 8)), np.ones((1, 8, 8), "f4"), "x"),
            r"layer must be the name of a module \(got 'x'\)",
        ),
        (
            lambda: plots.feature_maps(reference_cnn((1, 8, 8)), np.ones((1, 8, 8), "f4"), "7"),
            r"layer must have an output \(n, c, h, w\)",
        ),
    ],
)
def test_invalid_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
