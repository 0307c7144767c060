"""What a check found, and how it is printed."""

from dataclasses import dataclass
from textwrap import wrap

WIDTH = 88


@dataclass(frozen=True)
class Fault:
    """Something wrong: in which quantity, its name, and a description."""

    quantity: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.quantity}: {self.text}"


@dataclass(frozen=True)
class Quantity:
    """One result of the layer: the output or a gradient."""

    name: str
    """"dx", "dW", ...; "forward" for the output."""
    source: str
    """Where the layer puts it."""
    is_right: bool
    """Whether nothing wrong was found in it."""
    error: float | None
    """The largest error relative to the largest element; None if it was not compared."""
    note: str = ""


@dataclass(frozen=True)
class CheckResult:
    """The result of `cnet.check`; prints as a report.

    Parameters
    ----------
    title : str
        What was checked.
    quantities : tuple of Quantity
        The output and the gradients.
    faults : tuple of Fault
        What is wrong.
    notes : tuple of str
        What is worth knowing, but not wrong.
    """

    title: str
    quantities: tuple[Quantity, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [self.title, ""]
        names = max((len(q.name) for q in self.quantities), default=0)
        sources = max((len(q.source) for q in self.quantities), default=0)
        for quantity in self.quantities:
            mark = (
                "WRONG" if not quantity.is_right else "right" if quantity.error is not None else ""
            )
            error = "" if quantity.error is None else f"error {quantity.error:.1e}"
            row = f"  {quantity.name:{names}}  {quantity.source:{sources}}  {mark:5}  {error:13}"
            lines += _wrapped(row, quantity.note)
        for fault in self.faults:
            lines += ["", *wrap(str(fault), WIDTH, subsequent_indent="    ")]
        for note in self.notes:
            lines += ["", *wrap(f"Note: {note}", WIDTH, subsequent_indent="    ")]
        count = len(self.faults)
        found = {0: "No fault found.", 1: "1 fault found."}.get(count, f"{count} faults found.")
        return "\n".join([*lines, "", found])


def _wrapped(row: str, note: str) -> list[str]:
    if not note:
        return [row.rstrip()]
    indent = " " * (len(row) + 2)
    return wrap(note, max(WIDTH, len(row) + 30), initial_indent=f"{row}  ",
                subsequent_indent=indent)  # fmt: skip
