"""The search for an explanation: all rules, the cheapest first."""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from time import thread_time

import numpy as np

from .arithmetic import Constant, Elementwise, copies, elementwise, products, sums
from .columns import columns, paddings
from .contractions import contractions, gradients_per_image
from .convolution import convolutions, known_convolutions
from .expressions import Expression, Scale, Term
from .fitting import fit
from .places import places
from .pooling import poolings
from .samples import OutOfTime, Problem, Sample

Rule = Callable[[Problem, tuple[object, ...]], Iterator[Term]]
MOST_MASKED = 8
"""Operands to try that are gradients of activations."""
CHEAP: tuple[Rule, ...] = (
    copies, elementwise, sums, paddings, columns, products, known_convolutions, contractions,
    gradients_per_image, places,
)  # fmt: skip
COSTLY: tuple[Rule, ...] = (poolings, convolutions)


def explain(
    samples: Sequence[Sample], output: str, hints: Sequence[Expression] = (),
    seconds: float = float("inf"), is_thorough: bool = True,
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
        The time after which the search ends without a result.
    is_thorough : bool, default True
        Whether to look for convolutions and pooling of unknown sizes.

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
    problem = Problem(samples, output, thread_time() + seconds)
    results = problem.results
    if problem.result.size == 0 or problem.result.dtype.kind not in "fiub":
        return None
    if not all(np.isfinite(result).all() for result in results):
        return None
    first = results[0].flat[0]
    if all((result == first).all() for result in results):
        constant = Term(Constant(float(first), problem.shape), ())
        return fit(problem, [constant]) if first else _zeros(problem)
    operations = tuple(hint.term.operation for hint in hints)
    is_masked = any(isinstance(x, Term) for hint in hints for x in hint.term.operands)
    try:
        return (
            _first(problem, CHEAP, operations)
            or (_of_masked(problem, operations, is_thorough) if is_masked else None)
            or _with_decay(problem, operations)
            or (_thorough(problem, operations, is_masked) if is_thorough else None)
        )
    except OutOfTime:
        return None


def _first(
    problem: Problem, rules: Sequence[Rule], operations: tuple[object, ...]
) -> Expression | None:
    """What the first of the rules with an explanation finds."""
    return next(filter(None, (fit(problem, rule(problem, operations)) for rule in rules)), None)


def _thorough(
    problem: Problem, operations: tuple[object, ...], is_masked: bool
) -> Expression | None:
    return _first(problem, COSTLY, operations) or (
        None if is_masked else _of_masked(problem, operations, True)
    )


def _of_masked(
    problem: Problem, operations: tuple[object, ...], is_thorough: bool
) -> Expression | None:
    """An explanation with gradients of activations among the operands."""
    masked = list(_masked(problem))
    if not 0 < len(masked) <= MOST_MASKED:
        return None
    rules = (sums, products, known_convolutions, contractions)
    return _first(
        problem.with_terms(masked), (*rules, *COSTLY) if is_thorough else rules, operations
    )


def _with_decay(problem: Problem, operations: tuple[object, ...]) -> Expression | None:
    """An explanation by what is added to a multiple of the old value, as by momentum."""
    decayed = problem.with_decay()
    if decayed is None:
        return None
    return _first(decayed, CHEAP, operations) or _of_masked(decayed, operations, False)


def _masked(problem: Problem) -> Iterator[Term]:
    """Gradients of activations, which may be operands: a layer may apply the activation itself."""
    for first, second in permutations(problem.inputs, 2):
        grad, other = problem.inputs[first][0], problem.inputs[second][0]
        if grad.shape != other.shape or grad.dtype.kind != "f" or grad.ndim < 2:
            continue
        if other.dtype.kind == "b" or np.isin(other, (0, 1)).all():
            yield Term(Elementwise("product"), (first, second))
        else:
            names = ["relu, dx"] if min(map(np.min, problem.inputs[second])) < 0 else []
            if all(0 <= array.min() <= array.max() <= 1 for array in problem.inputs[second]):
                names.append("sigmoid, dx from the result")
            elif all(np.abs(array).max() <= 1 for array in problem.inputs[second]):
                names.append("tanh, dx from the result")
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
