"""Pictures of a training, drawn by matplotlib."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, TypeAlias

History: TypeAlias = Sequence[Mapping[str, float]]

SERIES = {"train": ("training", "#8a97a8", "o"), "test": ("test", "#c2410c", "s")}
INK = "#1f2933"


def curves(history: History, title: str = "") -> bytes:
    """Loss and accuracy over the epochs, side by side.

    Parameters
    ----------
    history : sequence of dict
        At least one row, as `Trainer.history` has them, with test numbers or without.
    title : str, default ""
        Stands above.

    Returns
    -------
    bytes
        A PNG of 1500 × 600 pixels.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no row.

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
    try:
        # A bare Figure draws with Agg: no window system is looked for, no backend chosen.
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError("curves: needs matplotlib: pip install cnet-nn[train]") from error
    figure = Figure(figsize=(10, 4), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.1))
    if title:
        figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    loss, accuracy = figure.subplots(1, 2)
    _draw(loss, history, "loss", 1, "{:.4f}")
    _draw(accuracy, history, "accuracy", 100, "{:.2f} %")
    loss.set(ylabel="cross-entropy", title="Loss")
    accuracy.set(ylabel="accuracy [%]", title="Accuracy")
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=100.5)
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _draw(axes: Any, history: History, quantity: str, unit: float, form: str) -> None:
    """The series of one quantity, each with its last value in the legend."""
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
                label=f"{name}, at the end {form.format(values[-1])}",
            )
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color="#e4e7eb")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
