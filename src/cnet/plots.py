"""Plots of training histories, drawn by matplotlib."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from statistics import fmean, pstdev
from typing import Any, TypeAlias

History: TypeAlias = Sequence[Mapping[str, float]]

SERIES = {"train": ("training", "#8a97a8", "o"), "test": ("test", "#c2410c", "s")}
STYLES = ("#8a97a8", "-"), ("#c2410c", "--"), ("#1d4ed8", "-."), ("#15803d", ":")
"""Colours and line styles of the compared runs; the styles differ even without colours."""
INK = "#1f2933"


def curves(history: History, title: str = "") -> bytes:
    """Plot loss and accuracy over the epochs, side by side.

    Parameters
    ----------
    history : sequence of dict
        At least one row, as in `Trainer.history`; the values of the test set may be missing.
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
    figure, (loss, accuracy) = _figure("curves", title)
    _draw(loss, history, "loss", 1, "{:.4f}")
    _draw(accuracy, history, "accuracy", 100, "{:.2f} %")
    loss.set(ylabel="cross-entropy", title="Loss")
    accuracy.set(ylabel="accuracy [%]", title="Accuracy")
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=100.5)
    return _png(figure)


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
    return _png(figure)


def _figure(function: str, title: str) -> tuple[Any, Any]:
    """A figure with two plots side by side."""
    try:
        # A Figure without pyplot draws with Agg and selects no backend of a window system.
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError(f"{function}: needs matplotlib: pip install cnet-nn[train]") from error
    figure = Figure(figsize=(10, 4), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.1))
    if title:
        figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    return figure, figure.subplots(1, 2)


def _png(figure: Any) -> bytes:
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _finish(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
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
                label=f"{name}, final {form.format(values[-1])}",
            )
    _finish(axes)
