"""Other sizes and settings in which a layer may fail: one image, odd sizes, other strides."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..accelerate._values import copied
from ..accelerate.explain import Expression
from ..accelerate.explain.convolution import Convolution
from ..accelerate.explain.pooling import Pooling
from .gradients import leaf
from .subject import Subject

STRIDES, PADDINGS = ("stride", "strides"), ("padding", "pad")


def settings(
    subject: Subject, forward: Expression | None, rng: np.random.Generator
) -> Iterator[tuple[str, Subject]]:
    """Descriptions, and the subject with these settings."""
    name = next((n for n, x in subject.inputs.items() if isinstance(x, np.ndarray)), None)
    if name is None:
        return
    x = subject.inputs[name]
    operation = forward.term.operation if forward else None
    letters = ""
    if isinstance(operation, Convolution):
        letters = operation.x.letters
    elif isinstance(operation, Pooling):
        letters = operation.layout
    n = letters.find("n") if letters else (0 if x.ndim >= 2 else -1)
    if n >= 0 and x.shape[n] > 1:
        yield "one image", _with_input(subject, name, np.take(x, [0], n))
    for text, more in (("one more row", {"h": 1}), ("one more column", {"w": 1}),
                       ("three more rows and columns", {"h": 3, "w": 3})):  # fmt: skip
        if letters:
            shape = [
                size + more.get(letter, 0) for letter, size in zip(letters, x.shape, strict=True)
            ]
            yield text, _with_input(subject, name, rng.standard_normal(shape))
    if letters and subject.layer is not None:
        yield from _other_numbers(subject)


def _with_input(subject: Subject, name: str, x: object) -> Subject:
    return replace(subject, inputs={**subject.inputs, name: x})


def _other_numbers(subject: Subject) -> Iterator[tuple[str, Subject]]:
    for path, place in subject.places().items():
        number = place.value
        if isinstance(number, (int, np.integer)) and not isinstance(number, bool):
            name = leaf(path)
            others = (1, 2, 3) if name in STRIDES else (0, 1) if name in PADDINGS else ()
            for other in others:
                if other != number:
                    layer = copied(subject.layer)
                    changed = replace(subject, layer=layer)
                    changed.places()[path].set(other)
                    yield f"{path} = {other}", changed
