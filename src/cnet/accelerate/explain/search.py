"""The search for an explanation: all rules, the cheapest first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from math import prod
from time import thread_time

import numpy as np

from .arithmetic import (
    Constant,
    Elementwise,
    Reshaped,
    copies,
    elementwise,
    products,
    sums,
    two_valued,
)
from .augmented import augmented
from .columns import columns, paddings
from .contractions import contractions, gradients_per_image
from .convolution import Convolution, convolutions, known_convolutions
from .exponential import exponential_units
from .expressions import Expression, Scale, Term
from .fitting import fit
from .losses import entropy_gradients, losses, probabilities
from .normalization import (
    deviations,
    normalization_gradients,
    normalizations,
    weight_gradients,
)
from .optimizers import gradients, squares, steps_of_optimizers
from .places import places
from .pooling import Pooling, known_poolings, poolings, poolings_of
from .samples import OutOfTime, Problem, Sample
from .softmax import (
    Softmax,
    SoftmaxGradient,
    less_maxima,
    softmax_axes,
    softmax_gradients,
    softmaxes,
)

Rule = Callable[[Problem, tuple[object, ...]], Iterator[Term]]
MOST_MASKED = 12
"""Operands to try that are gradients of activations, those of arguments first."""
RARE = ("sigmoid, dx", "tanh, dx")
"""Gradients that are tried last: most layers keep the results of these activations."""
CHEAP: tuple[Rule, ...] = (
    copies, deviations, entropy_gradients, elementwise, two_valued, sums, paddings, columns,
    products, known_convolutions, contractions, gradients_per_image, places, exponential_units,
    softmaxes, less_maxima, softmax_gradients, normalizations, weight_gradients,
    normalization_gradients, losses,
)  # fmt: skip
COSTLY: tuple[Rule, ...] = (poolings, convolutions)
STAGES = ("known", "masked", "unknown")
"""Parts of the search, by the time that they take."""


def explain(
    samples: Sequence[Sample], output: str, hints: Sequence[Expression] = (),
    seconds: float = float("inf"), results: Sequence[Expression] = (),
    stages: Sequence[str] = STAGES, like: Expression | None = None,
) -> Expression | None:  # fmt: skip
    """How an output is computed from the inputs, if it is a known operation.

    Parameters
    ----------
    samples : sequence of Sample
        Calls with inputs of the same shapes and dtypes. At least one should have random arrays, and
        one arrays of small integers, with many equal elements.
    output : str
        The path of the output.
    hints : sequence of Expression, optional
        Those of other calls, as of the forward pass. Their geometries are tried first.
    seconds : float, default inf
        The processor time after which the search ends without a result.
    results : sequence of Expression, optional
        Those of other results of the same call, which may be computed from the same gradients.
    stages : sequence of str, default ('known', 'masked', 'unknown')
        Where to look: for operations that are simple or have the sizes of the hints; for those of a
        gradient through an activation; for convolutions and pooling of unknown sizes.
    like : Expression, optional
        That of calls with another number of images: what is found differs from it in sizes only.

    Returns
    -------
    Expression or None
        An expression that agrees with all samples, to ``1e-10`` of the largest element for float64
        and ``2e-5`` if float32 is involved. None if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.accelerate.explain import Sample, explain
    >>> rng = np.random.default_rng(0)
    >>> samples = []
    >>> for _ in range(2):
    ...     x, w = rng.standard_normal((5, 4)), rng.standard_normal((3, 4))
    ...     samples.append(Sample({"x": x, "w": w}, {}, {"return": x @ w.T}))
    >>> print(explain(samples, "return"))
    matrix product, a @ b.T
    """
    if not samples or not all(_same_shapes(samples[0], sample) for sample in samples):
        return None
    problem = Problem(samples, output, thread_time() + seconds, like=like)
    values = problem.results
    if problem.result.size == 0 or problem.result.dtype.kind not in "fiub":
        return None
    if not all(np.isfinite(result).all() for result in values):
        return None
    first = values[0].flat[0]
    if all((result == first).all() for result in values):
        constant = Term(Constant(float(first), problem.shape), ())
        return fit(problem, [constant]) if first else _zeros(problem)
    operations = tuple(hint.term.operation for hint in hints)
    probable = [
        replace(hint.term, operation=replace(operation, is_bounded=True))
        for hint, operation in zip(hints, operations, strict=True)
        if isinstance(operation, Softmax) and set(hint.term.paths()) <= problem.inputs.keys()
    ]
    through = [
        one.term for one in results
        if isinstance(one.term.operation, SoftmaxGradient)
        and set(one.term.paths()) <= problem.inputs.keys()
    ]  # fmt: skip
    is_masked = any(isinstance(x, Term) for hint in hints for x in hint.term.operands)
    search: dict[str, Callable[[], Expression | None]] = {
        "known": lambda: (
            _known(problem, operations, gradients(problem, results))
            or _of_softmax(problem, operations, probable)
        ),
        "masked": lambda: _of_masked(problem, operations, through),
        "unknown": lambda: _unknown(problem, operations, through, is_masked),
    }
    try:
        return next(filter(None, (search[stage]() for stage in stages)), None)
    except OutOfTime:
        return None


def for_images(hints: Sequence[Expression], count: int) -> list[Expression]:
    """The hints for another number of images."""
    return [
        replace(hint, term=replace(hint.term, operation=operation.with_images(count)))
        for hint in hints
        if isinstance(operation := hint.term.operation, (Convolution, Pooling))
    ]


def _first(
    problem: Problem, rules: Sequence[Rule], operations: tuple[object, ...]
) -> Expression | None:
    """What the first of the rules with an explanation finds."""
    return next(filter(None, (fit(problem, rule(problem, operations)) for rule in rules)), None)


def _known(
    problem: Problem, operations: tuple[object, ...], terms: Sequence[Term]
) -> Expression | None:
    return (
        _first(problem, CHEAP, operations)
        or fit(problem, squares(terms))
        or fit(problem, steps_of_optimizers(problem, terms))
        or _with_decay(problem, operations, terms)
        or _of_rows(problem, operations)
        or _of_features(problem, operations)
        or _of_augmented(problem, operations)
        or _of_probabilities(problem, operations)
    )


def _of_rows(problem: Problem, operations: tuple[object, ...]) -> Expression | None:
    """An explanation by a gradient with a row for each image, as dense layers give it back."""
    pools = poolings_of(problem, operations)
    shapes = [
        *(one.y_shape for one in pools),
        *(one.y.sizes for one in operations if isinstance(one, Convolution)),
    ]
    images = [
        Term(Reshaped(shape), (path,))
        for path, arrays in problem.inputs.items()
        for shape in dict.fromkeys(shapes)
        if arrays[0].ndim == 2 < len(shape) and arrays[0].shape == (shape[0], prod(shape[1:]))
    ]
    rules = sums, known_convolutions, places, known_poolings
    return _first(problem.with_terms(images), rules, (*operations, *pools)) if images else None


def _of_features(problem: Problem, operations: tuple[object, ...]) -> Expression | None:
    """An explanation by normalization with statistics for each element of an image."""
    sizes = {problem.result.size, *(arrays[0].size for arrays in problem.inputs.values())}
    rows = [
        Term(Reshaped((len(x), prod(x.shape[1:]))), (path,))
        for path, (x, *_) in problem.inputs.items()
        if x.ndim > 2 and x.dtype.kind == "f" and len(x) > 1 and x.size // len(x) in sizes
    ]
    rules = deviations, normalizations, weight_gradients, normalization_gradients
    return _first(problem.with_terms(rows), rules, operations) if rows else None


def _of_augmented(problem: Problem, operations: tuple[object, ...]) -> Expression | None:
    """An explanation with ones for the bias, or without the weights for it, among the operands."""
    terms = augmented(problem)
    rules = copies, products, softmaxes
    return _first(problem.with_terms(terms), rules, operations) if terms else None


def _of_softmax(
    problem: Problem, operations: tuple[object, ...], terms: Sequence[Term]
) -> Expression | None:
    """A gradient through softmax whose result is not kept."""
    rules = (softmax_gradients,)
    return _first(problem.with_terms(terms), rules, operations) if terms else None


def _of_probabilities(problem: Problem, operations: tuple[object, ...]) -> Expression | None:
    """An explanation by a loss of softmax."""
    terms = probabilities(problem)
    return _first(problem.with_terms(terms), (losses,), operations) if terms else None


def _unknown(
    problem: Problem, operations: tuple[object, ...], through: Sequence[Term], is_masked: bool
) -> Expression | None:
    """What needs more time; gradients of activations come first if other results have them."""
    rules: list[Callable[[], Expression | None]] = [
        lambda: _first(problem, COSTLY, operations),
        lambda: _of_masked(problem, operations, through, COSTLY),
    ]
    return next(filter(None, (rule() for rule in (reversed(rules) if is_masked else rules))), None)


def _of_masked(
    problem: Problem, operations: tuple[object, ...], through: Sequence[Term],
    rules: Sequence[Rule] = (sums, products, known_convolutions, contractions),
) -> Expression | None:  # fmt: skip
    """An explanation with gradients of activations among the operands.

    `through` are those of which other results are computed.
    """
    masked = [*through, *sorted(_masked(problem), key=_likelihood)][:MOST_MASKED]
    more = augmented(problem) if masked else []
    return _first(problem.with_terms([*masked, *more]), rules, operations) if masked else None


def _likelihood(term: Term) -> tuple[bool, bool]:
    return str(term.operation) in RARE, "." in str(term.operands[0])


def _with_decay(
    problem: Problem, operations: tuple[object, ...], terms: Sequence[Term]
) -> Expression | None:
    """An explanation by what is added to a multiple of the old value, as by momentum."""
    decayed = problem.with_decay()
    if decayed is None:
        return None
    return (
        fit(decayed, squares(terms))
        or _first(decayed, CHEAP, operations)
        or _of_features(decayed, operations)
        or _of_masked(decayed, operations, ())
    )


def _masked(problem: Problem) -> Iterator[Term]:
    """Gradients of activations, which may be operands: a layer may apply the activation itself."""
    for first, second in permutations(problem.inputs, 2):
        grad, other = problem.inputs[first][0], problem.inputs[second][0]
        if grad.shape != other.shape or grad.dtype.kind != "f" or grad.size < 2:
            continue
        if other.dtype.kind == "b" or np.isin(other, (0, 1)).all():
            yield Term(Elementwise("product"), (first, second))
        else:
            undisturbed = problem.inputs[second][:2]
            low, high = min(map(np.min, undisturbed)), max(map(np.max, undisturbed))
            names = ["relu, dx", *RARE] if low < 0 else []
            if low >= 0 and high <= 1:
                names.append("sigmoid, dx from the result")
            elif low >= -1 and high <= 1:
                names.append("tanh, dx from the result")
            if low >= 0 and high <= 1:
                for axis in softmax_axes(other, 100 * problem.tolerance):
                    yield Term(SoftmaxGradient(axis), (first, second))
                    names.insert(0, "softmax and cross-entropy, dx")
            for name in names or ["relu, dx"]:
                yield Term(Elementwise(name), (first, second))


def _zeros(problem: Problem) -> Expression:
    result = problem.result
    return Expression(
        Term(Constant(0.0, result.shape), ()), Scale(), None, result.shape, result.dtype,
        result.strides,
    )  # fmt: skip


def _same_shapes(first: Sample, other: Sample) -> bool:
    return all(
        path in other.inputs and np.shape(other.inputs[path]) == np.shape(array)
        for path, array in first.inputs.items()
    )
