"""The report of the progress on stderr."""

import sys
from typing import TYPE_CHECKING, Any

from ..history import Row
from .callback import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class Progress(Callback):
    """A line for each epoch on stderr and, if stderr is a terminal, a progress bar.

    A line also says, once, why steps are not captured, if that is not possible.
    `Trainer.fit` adds it unless ``progress=False``.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._label = ""
        self._refusal: str | None = None

    def on_epoch_begin(self, trainer: "Trainer") -> None:
        """Show the bar."""
        from tqdm import tqdm

        epochs = str(trainer.epochs)
        self._label = f"epoch {len(trainer.history) + 1:{len(epochs)}}/{epochs}"
        self._bar = tqdm(
            desc=self._label,
            total=trainer.steps,
            initial=trainer.step,
            bar_format="{desc}  {bar:10} {percentage:3.0f} %" if trainer.steps else "{desc}",
            dynamic_ncols=True,
            leave=False,
            disable=None,
        )

    def on_step_end(self, trainer: "Trainer") -> None:
        """Advance the bar."""
        if not self._bar.disable:
            text = self._label + self._summary(trainer, trainer.row())
            self._bar.set_description_str(text, refresh=False)
            self._bar.update()

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Replace the bar by a line."""
        self.close()
        if trainer.refusal != self._refusal:
            self._refusal = trainer.refusal
            print(f"steps are not captured: {self._refusal}", file=sys.stderr)
        print(self._label + self._summary(trainer, trainer.history[-1]), file=sys.stderr)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _summary(self, trainer: "Trainer", row: Row) -> str:
        """The numbers of an epoch as one line."""
        parts = [f"loss {row['train_loss']:#.4g}"]
        for name, metric in trainer.metrics.items():
            form = "{:.2%}" if metric.is_fraction else "{:.4g}"
            text = f"{name} {form.format(row[f'train_{name}'])}"
            if f"test_{name}" in row:
                text += f", test {form.format(row[f'test_{name}'])}"
            parts.append(text.replace("%", " %"))
        parts.append(f"{row['images_per_second']:.0f} images/s")
        return "".join(f"  {part}" for part in parts)
