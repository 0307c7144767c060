"""The search for an explanation: all rules, the cheapest first."""

from collections.abc import Callable, Iterator, Sequence
from time import thread_time

import numpy as np

from .arithmetic import Constant, copies, elementwise, products, sums
from .convolution import convolutions
from .derived import candidates, derived, of_hints, substituted
from .expressions import Expression, Term
from .fitting import fit
from .pooling import poolings
from .samples import OutOfTime, Problem, Sample

Rule = Callable[[Problem, tuple[object, ...]], Iterator[Term]]
CHEAP: tuple[Rule, ...] = (copies, elementwise, sums, products)
COSTLY: tuple[Rule, ...] = (poolings, convolutions)


def explain(
    samples: Sequence[Sample], output: str, hints: Sequence[Expression] = (),
    seconds: float = float("inf"),
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
        The time of the processor after which the search ends without a result.

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
    try:
        return (
            _search(problem, operations, CHEAP)
            or _derived(problem, of_hints(problem, hints), operations)
            or _search(problem, operations, COSTLY)
            or _derived(problem, candidates(problem), operations)
        )
    except OutOfTime:
        return None


def _search(
    problem: Problem, operations: tuple[object, ...], rules: tuple[Rule, ...]
) -> Expression | None:
    return next(filter(None, (fit(problem, rule(problem, operations)) for rule in rules)), None)


def _derived(
    problem: Problem, terms: Sequence[Term], operations: tuple[object, ...]
) -> Expression | None:
    """An operation on the result of one of the terms."""
    for rules in ((sums, products), (convolutions,)):
        for other, term in derived(problem, terms):
            found = _search(other, operations, rules)
            expression = substituted(found, term) if found is not None else None
            if expression is not None:
                return expression
    return None


def _zeros(problem: Problem) -> Expression:
    from .expressions import Scale, memory_order

    result = problem.result
    return Expression(
        Term(Constant(0.0, result.shape), ()), Scale(), None, result.shape, result.dtype,
        memory_order(result),
    )  # fmt: skip


def _same_shapes(first: Sample, other: Sample) -> bool:
    return all(
        path in other.inputs and np.shape(other.inputs[path]) == np.shape(array)
        for path, array in first.inputs.items()
    )
