"""Compares one gradient with the right one, and names the mistake."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..accelerate.explain.arithmetic import Product
from ..accelerate.explain.convolution import Convolution
from ..accelerate.explain.pooling import Pooling
from ..arrays import Array
from .differences import gradient_at
from .gradients import Found, gradient_name
from .variants import Variant, variants

if TYPE_CHECKING:
    from .checker import Checker

MEAN = "mean over the images"


@dataclass(frozen=True)
class Verdict:
    """Whether a gradient is right up to `factor`."""

    is_right: bool
    error: float | None
    note: str = ""
    factor: float = 1.0


class Judge:
    """Judges the gradients of one backward pass."""

    def __init__(self, checker: "Checker", y: Array, grad_output: Array) -> None:
        self.checker, self.findings = checker, checker.findings
        self.y, self.grad_output = y, grad_output
        self.n = self._images()
        self.means: dict[str, bool] = {}
        """For each gradient of a parameter, whether it is a mean over the images."""

    def _images(self) -> int:
        """The number of images, or 1 if it is not known."""
        forward = self.checker.forward
        operation = forward.term.operation if forward else None
        if isinstance(operation, Convolution):
            return operation.y.full[0]
        if isinstance(operation, Product) and forward is not None:
            is_row = forward.term.operands[0] in self.checker.inputs
            shape = operation.first if is_row else operation.second
            is_last = (
                operation.is_first_transposed if is_row else not operation.is_second_transposed
            )
            return shape[int(is_last)]
        return self.y.shape[0] if self.y.ndim in (2, 4) else 1

    def verdict(self, path: str, found: Found, elements: Array, right: Array) -> Verdict:
        name = gradient_name(path, path in self.checker.inputs)
        own = found.value.reshape(-1)[elements].astype(np.float64)
        right = self._refined(path, own, elements, right)
        size = float(np.abs(right).max(initial=0))
        error = float(np.abs(own - right).max(initial=0)) / max(size, 1e-9)
        if error <= self.checker.tolerance:
            self._is_parameter(path, name, False)
            return Verdict(True, error)
        if not np.isfinite(own).all():
            return self._wrong(name, "not finite", "contains NaN or infinity", error)
        if not own.any():
            text = "is zero everywhere: it is never computed, or overwritten by zeros"
            return self._wrong(name, "zeros", text, error)
        bound = np.abs(found.value).max()
        if (
            not found.is_update
            and size > 1.001 * bound
            and np.allclose(own, np.clip(right, -bound, bound), atol=1e-6 * bound)
        ):
            return self._wrong(name, "clipped", f"is clipped to {bound:g}", error)
        factor = _factor(own, right, self.checker.tolerance)
        if factor is not None:
            rest = float(np.abs(own - factor * right).max() / np.abs(own).max())
            verdict = self._scaled(path, name, found, factor, error, rest, len(right))
            if verdict is not None:
                return verdict
        return self._named(path, name, found, own, elements, right, error)

    def _refined(self, path: str, own: Array, elements: Array, right: Array) -> Array:
        """The right gradient with smaller steps where few elements differ: they may be at kinks."""
        bound = self.checker.tolerance * np.abs(right).max(initial=0)
        differs = np.flatnonzero(~(np.abs(own - right) <= bound))
        if not 0 < len(differs) <= 4 + len(own) // 10:
            return right
        closer = gradient_at(
            self.checker.model,
            self.checker.values,
            path,
            self.grad_output,
            elements[differs],
            1e-3 * self.checker.step,
        )
        result = right.copy()
        is_closer = np.abs(own[differs] - closer) < np.abs(own[differs] - right[differs])
        result[differs[is_closer]] = closer[is_closer]
        return result

    def _is_parameter(self, path: str, name: str, is_mean: bool) -> None:
        if path not in self.checker.inputs and self.n > 1:
            self.means[name] = is_mean

    def _is_close(self, factor: float, known: float) -> bool:
        return abs(factor - known) <= 5 * self.checker.tolerance * abs(known)

    def _wrong(self, name: str, fault: str, text: str, error: float) -> Verdict:
        self.findings.fault(name, fault, text)
        return Verdict(False, error)

    def _step(self, name: str, own: Array, right: Array, error: float) -> Verdict:
        """A step that is no multiple of the gradient, as that of Adam."""
        if (own * right >= 0).all():
            return Verdict(True, None, "an optimizer's step, in the right direction")
        if (own * right <= 0).all():
            return self._wrong(name, "sign", "the update increases the loss", error)
        text = "the update is not along the gradient, nor has each element its sign"
        return self._wrong(name, "unknown", text, error)

    def _scaled(
        self,
        path: str,
        name: str,
        found: Found,
        factor: float,
        error: float,
        rest: float,
        count: int,
    ) -> Verdict | None:
        """A multiple of the right gradient; None if that may be a coincidence."""
        known = self._factor_names()
        fault = next((v for f, v in known.items() if self._is_close(factor, f)), None)
        is_parameter = path not in self.checker.inputs
        if found.is_update and factor > 0:
            step = f"subtracts {factor:.6g} times the gradient"
            return Verdict(True, rest, step, factor)
        if found.is_update:
            text = f"the update adds {-factor:.6g} times the gradient instead of subtracting it"
            return self._wrong(name, "sign", text, error)
        if is_parameter and self.n > 1 and self._is_close(factor * self.n, 1):
            self._is_parameter(path, name, True)
            return Verdict(True, rest, MEAN, factor)
        if fault is not None:
            return self._wrong(name, *fault, error)
        if count < 4:
            return None
        norm = float(np.linalg.norm(found.value))
        if 0 < factor < 1 and abs(norm - float(f"{norm:.2g}")) < 1e-6 * norm:
            return self._wrong(name, "clipped", f"is clipped to the norm {norm:.2g}", error)
        return self._wrong(name, "factor", f"is {factor:.6g} times the right gradient", error)

    def _factor_names(self) -> dict[float, tuple[str, str]]:
        """Factors with the names of the mistakes that give them."""
        n = self.n
        names: dict[float, tuple[str, str]] = {}
        area = prod(self.y.shape[2:]) if self.y.ndim == 4 else 1
        forward = self.checker.forward
        operation = forward.term.operation if forward else None
        taps = prod(operation.kernel) if isinstance(operation, Pooling) else 1
        for sign, text in ((1, ""), (-1, " and has the wrong sign")):
            minus = ", sign" * (sign < 0)
            if n > 1:
                names[sign / n] = "mean" + minus, f"is divided by the number of images{text}"
                names[sign / n**2] = (
                    "mean twice" + minus, f"is divided by the number of images twice{text}"
                )  # fmt: skip
                names[sign * n] = (
                    "mean" + minus, f"is multiplied by the number of images{text}"
                )  # fmt: skip
            if area > 1:
                names.setdefault(
                    sign / area, ("mean" + minus, f"is divided by the number of positions{text}")
                )
                names.setdefault(
                    sign / (area * n),
                    ("mean" + minus, f"is divided by the number of positions and images{text}"),
                )
            if taps > 1:
                names[sign * taps] = (
                    "mean" + minus,
                    f"is not divided by the {taps} elements of a window{text}",
                )
                names[sign / taps] = (
                    "mean twice" + minus,
                    f"is divided by the {taps} elements of a window twice{text}",
                )
        names[-1.0] = "sign", "has the wrong sign"
        for path, number in self.checker.numbers.items():
            if number not in (0, 1, -1):
                names.setdefault(number, ("factor", f"is multiplied by {path} ({number:g})"))
                names.setdefault(
                    1 / number,
                    ("factor", f"is divided by {path} ({number:g}), or lacks that factor"),
                )
        return names

    def _named(
        self,
        path: str,
        name: str,
        found: Found,
        own: Array,
        elements: Array,
        right: Array,
        error: float,
    ) -> Verdict:
        checker = self.checker
        possible = variants(
            checker.forward, checker.model, path, checker.values, self.grad_output, self.y
        )
        second: tuple[Variant, float] | None = None
        for variant in chain(self._after_update(path), possible):
            other = self._value(variant, path, elements)
            if other is None or not other.any():
                continue
            factor = _factor(own, other, checker.tolerance)
            if factor is None or _factor(other, right, checker.tolerance) is not None:
                continue
            if self._is_close(factor, 1):
                return self._wrong(name, variant.name, variant.text, error)
            is_named = any(self._is_close(factor, f) for f in self._factor_names())
            if second is None and (is_named or len(own) >= 6):
                second = variant, factor
        if second is not None:
            variant, factor = second
            names = self._factor_names()
            close = [v for f, v in names.items() if self._is_close(factor, f)]
            extra = close[0][1] if close else f"is multiplied by {factor:.6g}"
            return self._wrong(name, variant.name, f"{variant.text}; it also {extra}", error)
        if found.is_update:
            return self._step(name, own, right, error)
        if description := checker.explained_gradient(found, self.grad_output.shape):
            return self._wrong(
                name, "other operation", f"is not the gradient, but {description}", error
            )
        shape = checker.values[path].shape
        where = _where(own, right, elements, shape)
        kind = "border" if "axis" in where else "unknown"
        return self._wrong(name, kind, where or "is wrong", error)

    def _after_update(self, path: str) -> Iterator[Variant]:
        """The gradient with the parameters that the backward pass has already changed."""
        updated = {name: new for name, new in self.checker.updated.items() if name != path}
        if updated:
            names = " and ".join(updated)
            yield Variant(
                "updated first",
                f"{names} is used after its update: compute this gradient first",
                lambda values: self.checker.model({**values, **updated}),
                self.grad_output,
            )

    def _value(self, variant: Variant, path: str, elements: Array) -> Array | None:
        if variant.value is not None:
            value = np.asarray(variant.value, np.float64)
            return value.reshape(-1)[elements] if value.size > elements.max() else None
        assert variant.f is not None
        assert variant.grad_output is not None
        try:
            return gradient_at(
                variant.f,
                self.checker.values,
                path,
                variant.grad_output,
                elements,
                self.checker.step,
            )
        except (TypeError, ValueError):
            return None

    def check_means(self) -> None:
        """Some parameters with the mean over the images, and others with the sum."""
        if len(set(self.means.values())) == 2:
            means = [name for name, is_mean in self.means.items() if is_mean]
            sums = [name for name, is_mean in self.means.items() if not is_mean]
            self.findings.fault(
                ", ".join(means), "mean",
                f"is a mean over the images, but {', '.join(sums)} is a sum: "
                "divide both by the number of images, or none",
            )  # fmt: skip


def _factor(own: Array, other: Array, tolerance: float) -> float | None:
    """The number by which `other` has to be multiplied to be `own`; None if there is none."""
    square = other @ other
    if not square > 0:
        return None
    factor = float(own @ other / square)
    error = np.abs(own - factor * other).max()
    return factor if error <= 10 * tolerance * np.abs(own).max() else None


def _where(own: Array, right: Array, elements: Array, shape: tuple[int, ...]) -> str:
    """The only index of some axis at which the gradient is wrong, as a sentence."""
    is_wrong = np.abs(own - right) > 1e-4 * np.abs(right).max()
    if is_wrong.all() or len(elements) < prod(shape):
        return ""
    mask = np.zeros(prod(shape), bool)
    mask[elements] = is_wrong
    mask = mask.reshape(shape)
    count = f"is wrong in {int(mask.sum())} of {mask.size} elements"
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        indices = np.flatnonzero(mask.any(others))
        if shape[axis] > 1 and len(indices) <= shape[axis] // 2:
            listed = ", ".join(map(str, indices))
            return f"{count}, all at index {listed} of axis {axis} (of {shape[axis]})"
    return f"{count}" if mask.mean() < 0.5 else ""
