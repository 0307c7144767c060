"""`cnet.check`: are the gradients of a hand-written layer right, and if not, why?

`subject` finds the methods of a layer and runs them on copies, `gradients` finds the gradients
among what the backward pass returns or sets, `judgement` compares them with the right ones, and
`variants` lists the mistakes that wrong ones are compared with.
"""

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from .checker import Checker, Findings
from .result import CheckResult, Fault, Quantity
from .settings import settings
from .subject import RaisedError, Subject, subject_of

__all__ = ["CheckResult", "Fault", "Quantity", "check"]


def check(
    layer: Any,
    *inputs: Any,
    grad_output: Array | None = None,
    forward: str | None = None,
    backward: str | None = None,
    backward_arguments: Mapping[str, Any] | None = None,
    sweep: bool = False,
    seconds: float = 10.0,
    seed: int = 0,
) -> CheckResult:
    """Check the gradients of a hand-written layer, and name the likely mistake if one is wrong.

    The layer runs on copies, with its arrays in float64; the layer itself does not change. Each
    gradient is compared with central differences of the forward pass. If the forward pass is a
    known operation, for example a convolution, the report says which, and with which layout, stride
    and padding.

    Parameters
    ----------
    layer : object, or (function, function)
        A layer with a method for the forward pass and one for the backward pass, or both as
        functions. They are found by their names: ``forward``, ``__call__``, ``forward_pass``,
        ``backward``, ``backprop``, ...
    *inputs : array_like and others
        The arguments of the forward pass. Arrays that hold equal elements are used with noise
        added, because maxima and ReLU have no derivative where numbers are equal.
    grad_output : ndarray, optional
        The gradient with respect to the result; by default random numbers.
    forward, backward : str, optional
        Names of the methods, if they are not found.
    backward_arguments : mapping, optional
        Arguments of the backward pass by name. By default, arguments are found by their names:
        those of the forward pass; ``cache`` is what the forward pass returns besides its result; a
        learning rate is 0.125; and the first other one is the gradient.
    sweep : bool, default False
        Whether to check other settings too: one image, odd sizes, and other numbers in attributes
        that are called stride or padding.
    seconds : float, default 10
        About how long it may take. Of large arrays, some elements are compared one by one, and all
        of them along a random direction.
    seed : int, default 0
        For the random numbers.

    Returns
    -------
    CheckResult
        `ok` says whether all is right; `faults` lists what is not, each with `quantity`, `name` and
        `text`; `print` shows a report.

    Raises
    ------
    TypeError, ValueError
        If there is no forward pass, it does not return an array, an argument is missing, the layer
        cannot be copied, or `grad_output` does not have the shape of the result. An exception in
        the layer is a fault in the result instead.

    Notes
    -----
    Gradients may be returned, or kept in attributes. A gradient of a parameter is also right if it
    is the mean over the images instead of the sum, and the same holds for all parameters. If the
    backward pass changes a parameter itself, the change has to be a negative multiple of the
    gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import cnet
    >>> class Dense:
    ...     def __init__(self):
    ...         self.W = np.random.default_rng(0).standard_normal((3, 3))
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x @ self.W
    ...     def backward(self, grad):
    ...         self.dW = self.x.T @ grad
    ...         return grad @ self.W
    >>> result = cnet.check(Dense(), np.random.default_rng(1).standard_normal((4, 3)))
    >>> [(fault.quantity, fault.name) for fault in result.faults]
    [('dx', 'transposed')]
    """
    rng = np.random.default_rng(seed)
    inputs = tuple([_as_array(x) for x in inputs])
    subject = subject_of(layer, inputs, forward, backward, backward_arguments or {})
    subject, notes = _without_ties(subject, rng)
    states = np.random.get_state()
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            subject, more = _with_parameters(subject)
            checker = Checker(subject, seconds, seed)
            findings = checker.check(grad_output)
            if sweep:
                _sweep(checker, findings, rng)
    finally:
        np.random.set_state(states)
    return CheckResult(
        subject.title, tuple(findings.quantities), tuple(findings.faults),
        (*notes, *more, *findings.notes),
    )  # fmt: skip


def _as_array(x: Any) -> Any:
    """Lists of numbers as arrays; anything else as it is."""
    if not isinstance(x, list):
        return x
    try:
        array = np.array(x)
    except ValueError:
        return x
    return array if array.dtype.kind in "fiub" else x


def _without_ties(subject: Subject, rng: np.random.Generator) -> tuple[Subject, list[str]]:
    """The subject with noise in its first array, if that has equal elements."""
    for name, x in subject.inputs.items():
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiub":
            continue
        if x.dtype.kind != "f" and x.ndim < 2:
            break
        if x.dtype.kind == "f" and np.unique(x).size == x.size:
            break
        values = x.astype(np.float64)
        noise = 0.1 * max(values.std(), 0.1) * rng.standard_normal(x.shape)
        changed = replace(subject, inputs={**subject.inputs, name: values + noise})
        return changed, [f"{name} has equal elements or integers: it is used with noise added."]
    return subject, []


def _with_parameters(subject: Subject) -> tuple[Subject, list[str]]:
    """The subject with its parameters, if it makes random ones in its first forward pass."""
    if subject.layer is None:
        return subject, []
    try:
        first, second = (subject.run({}) for _ in range(2))
        warmed = subject.warmed()
        again, once_more = (warmed.run({}).y for _ in range(2))
        is_growing = len(warmed.warmed().places()) > len(warmed.places())
    except (RaisedError, TypeError):
        return subject, []
    if is_growing or np.array_equal(first.y, second.y) or not np.array_equal(again, once_more):
        return subject, []
    return warmed, ["the layer makes its parameters in the first forward pass."]


def _sweep(checker: Checker, findings: Findings, rng: np.random.Generator) -> None:
    """Add the faults of other settings that are not known yet."""
    known = {(fault.quantity, fault.name) for fault in findings.faults}
    count = 0
    for text, subject in settings(checker.subject, checker.forward, rng):
        count += 1
        for fault in Checker(subject, checker.seconds / 10, count).check(None).faults:
            is_refusal = fault.name == "refuses"
            if (fault.quantity, fault.name) not in known and not is_refusal:
                known.add((fault.quantity, fault.name))
                findings.faults.append(replace(fault, text=f"with {text}: {fault.text}"))
    findings.notes.append(f"checked in {count} other settings.")
