"""Plots of trainings and networks, drawn by matplotlib.

`curves` and `comparison` return a PNG; the others return a figure, of which `png` makes one.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from math import ceil
from statistics import fmean, pstdev
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .autograd import no_grad
from .inspection.layers import evaluation_mode, hooked, tensors
from .nn import Module
from .tensor import Tensor, as_tensor

History: TypeAlias = Sequence[Mapping[str, float]]

SERIES = {"train": ("training", "#8a97a8", "o"), "test": ("test", "#c2410c", "s")}
STYLES = ("#8a97a8", "-"), ("#c2410c", "--"), ("#1d4ed8", "-."), ("#15803d", ":")
"""Colours and line styles of the compared runs; the styles differ even without colours."""
INK = "#1f2933"


def curves(history: History, title: str = "") -> bytes:
    """Plot the loss and a metric over the epochs, side by side.

    Parameters
    ----------
    history : sequence of dict
        At least one row, as in `Trainer.history`; the values of the test set may be missing. The
        metric is the first one in it.
    title : str, default ""
        The title of the figure.

    Returns
    -------
    bytes
        A PNG of 1500 × 600 pixels.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `history` is empty.

    Examples
    --------
    >>> from cnet.plots import curves
    >>> history = [
    ...     {"epoch": 1, "train_loss": 0.9, "train_accuracy": 0.8},
    ...     {"epoch": 2, "train_loss": 0.3, "train_accuracy": 0.9},
    ... ]
    >>> curves(history, "two epochs")[1:4]
    b'PNG'
    """
    if not history:
        raise ValueError("curves: history must have at least one row (got none)")
    figure, (loss, metric) = _figure("curves", title)
    _draw(loss, history, "loss", 1, "{:.4f}")
    loss.set(ylabel="cross-entropy", title="Loss")
    loss.set_ylim(bottom=0)
    metrics = [name for name in history[-1] if name.startswith("train_") and name != "train_loss"]
    if metrics:
        name = metrics[0].removeprefix("train_")
        values = [value for row in history for key, value in row.items() if key.endswith(name)]
        if all(0 <= value <= 1 for value in values):
            _draw(metric, history, name, 100, "{:.2f} %")
            metric.set(ylabel=f"{name} [%]", title=name.capitalize())
            metric.set_ylim(top=100.5)
        else:
            _draw(metric, history, name, 1, "{:.4g}")
            metric.set(ylabel=name, title=name.capitalize())
    else:
        metric.set_visible(False)
    return png(figure)


def comparison(runs: Mapping[str, Sequence[History]], title: str = "") -> bytes:
    """Plot training loss and test accuracy of several training rules, each with several seeds.

    Parameters
    ----------
    runs : mapping of str to sequence of history
        For each rule, one history per seed, as in `Trainer.history`, with values of the test set.
    title : str, default ""
        The title of the figure.

    Returns
    -------
    bytes
        A PNG of 1500 × 600 pixels. Lines show the means, bands the standard deviations.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no run.

    Examples
    --------
    >>> from cnet.plots import comparison
    >>> history = [{"epoch": 1, "train_loss": 0.9, "test_accuracy": 0.8}]
    >>> comparison({"one": [history, history], "other": [history, history]})[1:4]
    b'PNG'
    """
    if not runs or not all(histories and histories[0] for histories in runs.values()):
        raise ValueError("comparison: runs must have at least one row each")
    figure, (loss, accuracy) = _figure("comparison", title)
    for (name, histories), (color, style) in zip(runs.items(), STYLES, strict=False):
        for axes, key, unit in ((loss, "train_loss", 1), (accuracy, "test_accuracy", 100)):
            epochs = [row["epoch"] for row in histories[0]]
            values = [[unit * row[key] for row in history] for history in histories]
            means = [fmean(column) for column in zip(*values, strict=True)]
            spreads = [pstdev(column) for column in zip(*values, strict=True)]
            low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
            high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
            axes.fill_between(epochs, low, high, color=color, alpha=0.15, linewidth=0)
            axes.plot(epochs, means, color=color, linestyle=style, linewidth=1.8, label=name)
    for axes, quantity in ((loss, "training cross-entropy"), (accuracy, "test accuracy [%]")):
        axes.set(ylabel=quantity)
        _finish(axes)
    loss.set_yscale("log")
    return png(figure)


def confusion_matrix(matrix: Any, classes: Sequence[str] | None = None, title: str = "") -> Any:
    """Show how many samples of each class were assigned to each class.

    Parameters
    ----------
    matrix : array_like, shape (classes, classes)
        The counts: a row for each true class, a column for each predicted class.
    classes : sequence of str, optional
        The names of the classes, by default their numbers.
    title : str, default ""
        The title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The colours show the shares of the true class.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the matrix is not square, or `classes` has another length.

    Examples
    --------
    >>> from cnet import plots
    >>> figure = plots.confusion_matrix([[9, 1], [0, 10]], ["cat", "dog"])
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"confusion_matrix: matrix must be square (got shape {counts.shape})")
    n = len(counts)
    names = [str(number) for number in range(n)] if classes is None else [*classes]
    if len(names) != n:
        raise ValueError(
            f"confusion_matrix: classes must have a name for each row (got {len(names)} and {n})"
        )
    side = min(max(3.6, 0.48 * n + 1.6), 16)
    figure = _empty("confusion_matrix", title, (side, side), (0.08, 0.08))
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    long = max(map(len, names)) > 3
    axes.set_xticks(range(n), names, rotation=90 if long else 0)
    axes.set_yticks(range(n), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if n <= 30:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else INK
                axes.text(column, row, str(count), ha="center", va="center", color=color,
                          fontsize=8)  # fmt: skip
    return figure


def filters(weight: Any, columns: int = 8, title: str = "") -> Any:
    """Show the weights of a convolution as images.

    Parameters
    ----------
    weight : Tensor or ndarray, shape (o, c, h, w)
        Filters of one or three channels are shown whole, the latter in colours; of other filters
        the first channel is shown.
    columns : int, default 8
        The number of images in a row.
    title : str, default ""
        The title of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `weight` has not four axes.

    Examples
    --------
    >>> from cnet import nn, plots
    >>> figure = plots.filters(nn.Conv2d(1, 8, 5).weight)
    """
    array = _array(weight)
    if array.ndim != 4:
        raise ValueError(f"filters: weight must have the shape (o, c, h, w) (got {array.shape})")
    if array.shape[1] != 3:
        limit = float(np.abs(array[:, 0]).max()) or 1.0
        return _grid("filters", array[:, 0], columns, title, cmap="RdBu", vmin=-limit, vmax=limit)
    low, high = array.min(), array.max()
    colors = (array - low) / (high - low or 1)
    return _grid("filters", colors.transpose(0, 2, 3, 1), columns, title)


def feature_maps(
    model: Module, image: Any, layer: str | None = None, columns: int = 8, title: str = ""
) -> Any:
    """Show the output channels of a layer for one image.

    Parameters
    ----------
    model : Module
        The model; it is called in evaluation mode.
    image : Tensor or ndarray, shape (c, h, w)
        The image.
    layer : str, optional
        The name of the layer in ``model.named_modules()``; by default the first with an output of
        the shape (n, c, h, w).
    columns : int, default 8
        The number of images in a row.
    title : str, default ""
        The title of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no such layer, or it has no such output.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import models, plots
    >>> image = np.zeros((1, 28, 28), np.float32)
    >>> figure = plots.feature_maps(models.reference_cnn(), image, layer="3")
    """
    named = dict(model.named_modules())
    if layer is not None and layer not in named:
        raise ValueError(f"feature_maps: layer must be the name of a module (got {layer!r})")
    chosen = [named[layer]] if layer is not None else [m for m in model.modules() if m is not model]
    outputs: list[Array] = []

    def record(module: Module, args: Any, output: Any) -> None:
        outputs.extend(_array(x) for x in tensors(output) if x.ndim == 4)

    def register(module: Module) -> list[Any]:
        return [module.register_forward_hook(record)]

    with evaluation_mode(model), no_grad(), hooked(register, iter(chosen)):
        model(as_tensor(_array(image)[np.newaxis]))
    if not outputs:
        raise ValueError("feature_maps: layer must have an output (n, c, h, w) (got none)")
    return _grid("feature_maps", outputs[0][0], columns, title, cmap="viridis")


def misclassified(
    model: Module,
    loader: Iterable[tuple[Any, Any]],
    classes: Sequence[str] | None = None,
    count: int = 24,
    title: str = "",
) -> Any:
    """Show images that a classifier assigns to a wrong class, those first of which it is most sure.

    Parameters
    ----------
    model : Module
        From images to scores of shape (n, classes); it is called in evaluation mode.
    loader : iterable of (images, targets)
        Batches of images (n, c, h, w), with values from 0 to 1, and numbers of classes.
    classes : sequence of str, optional
        The names of the classes, by default their numbers.
    count : int, default 24
        The largest number of images.
    title : str, default ""
        The title of the figure; by default it has the number of errors.

    Returns
    -------
    matplotlib.figure.Figure
        Above each image: the predicted class, its probability, and the true class.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import models, plots
    >>> batch = np.zeros((4, 1, 8, 8), np.float32), np.array([0, 1, 2, 3])
    >>> figure = plots.misclassified(models.reference_cnn((1, 8, 8)), [batch])
    """
    found: list[tuple[float, Array, int, int]] = []
    total = errors = 0
    with evaluation_mode(model), no_grad():
        for x, target in loader:
            images, labels = _array(x), _array(target)
            shares = _softmax(_array(model(as_tensor(x))))
            best = shares.argmax(1)
            wrong = np.flatnonzero(best != labels)
            total, errors = total + len(labels), errors + len(wrong)
            found += [(-shares[i, best[i]], images[i], int(best[i]), int(labels[i])) for i in wrong]
            found = sorted(found, key=lambda item: item[0])[:count]
    names = {} if classes is None else dict(enumerate(classes))
    captions = [
        f"{names.get(best, best)} {-share:.0%}\nnot {names.get(true, true)}".replace("%", " %")
        for share, _, best, true in found
    ]
    shown = [np.clip(image, 0, 1).transpose(1, 2, 0) for _, image, _, _ in found]
    title = title or f"{errors} errors in {total} images"
    return _grid("misclassified", shown, 8, title, captions, cmap="gray", vmin=0, vmax=1)


def png(figure: Any) -> bytes:
    """A figure as a PNG.

    Examples
    --------
    >>> from cnet import plots
    >>> plots.png(plots.confusion_matrix([[9, 1], [0, 10]]))[1:4]
    b'PNG'
    """
    content = BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _grid(
    function: str,
    images: Sequence[Array] | Array,
    columns: int,
    title: str,
    captions: Sequence[str] = (),
    **options: Any,
) -> Any:
    """A figure with images in rows."""
    if columns < 1:
        raise ValueError(f"{function}: columns must be at least 1 (got {columns})")
    columns = max(1, min(columns, len(images)))
    rows = max(1, ceil(len(images) / columns))
    size = max(3.6, 1.15 * columns), max(1.2, (1.5 if captions else 1.15) * rows + 0.5)
    figure = _empty(function, title, size, (0.03, 0.03))
    for number, axes in enumerate(np.ravel(figure.subplots(rows, columns))):
        axes.set_axis_off()
        if number < len(images):
            axes.imshow(images[number], **options)
            if captions:
                axes.set_title(captions[number], fontsize=7, color=INK, pad=3)
    return figure


def _array(x: Any) -> Array:
    return np.asarray(x.detach() if isinstance(x, Tensor) else x)


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _figure(function: str, title: str) -> tuple[Any, Any]:
    """A figure with two plots side by side."""
    figure = _empty(function, title, (10, 4), (0.15, 0.1))
    return figure, figure.subplots(1, 2)


def _empty(
    function: str, title: str, size: tuple[float, float], padding: tuple[float, float]
) -> Any:
    try:
        # A Figure without pyplot draws with Agg and selects no backend of a window system.
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError(f"{function}: needs matplotlib: pip install 'cnet-nn[train]'") from error
    layout = ConstrainedLayoutEngine(w_pad=padding[0], h_pad=padding[1])
    figure = Figure(figsize=size, dpi=150, layout=layout)
    if title:
        figure.suptitle(title, color=INK, fontsize=13, fontweight="bold", wrap=True)
    return figure


def _finish(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.grid(color="#e4e7eb")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _draw(axes: Any, history: History, quantity: str, unit: float, form: str) -> None:
    """Draw the series of one quantity, each with its last value in the legend."""
    epochs = [row["epoch"] for row in history]
    for prefix, (name, color, marker) in SERIES.items():
        key = f"{prefix}_{quantity}"
        if key in history[-1]:
            values = [unit * row[key] for row in history]
            axes.plot(
                epochs,
                values,
                color=color,
                marker=marker,
                markersize=4,
                linewidth=1.8,
                clip_on=False,
                label=f"{name}, final {form.format(values[-1])}",
            )
    _finish(axes)
