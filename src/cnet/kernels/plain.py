"""Kernels on arrays that need no checks: one call of the compiled module.

Functions take the number of an operation and return the result, or None for operands that need the
function of the same name in `kernels`: arrays that are not contiguous or of other dtypes, shapes
that broadcast. They also return None while calls are recorded or the reference is active. Numbers
of Python and arrays without dimensions are repeated.
"""

from .. import _core

elementwise = _core.elementwise
"""``elementwise(operation, x, a=0.0, b=0.0, out=None)``; `out` may be `x`."""
operations = _core.operations

combine = _core.combine
"""``combine(operation, operands)``; the first operand is the array."""
combinations = {name: number for name, (number, _) in _core.combinations.items()}

arithmetic = _core.arithmetic
"""``arithmetic(operation, a, b, out=None)``; one of the operands is the array, and may be `out`."""
arithmetic_operations = _core.arithmetic_operations

assemble = _core.assemble
"""``assemble(arrays, shape, parts)``; see `strided.assemble`."""

join = _core.join
"""``join(arrays, axis, new)``: concatenated or, if `new` is true, stacked along an axis.

None also for runs of a few elements in a large array, which NumPy copies faster.
"""

gather = _core.gather
"""``gather(x, index, axis, whole=False)``: elements at positions of int64, in the shape of `index`.

With `whole`, slices, as `numpy.take`. The axis None means the flattened array. Numbers of 4 and 8
bytes of every dtype are possible. None also if a position is out of range.
"""

scatter = _core.scatter
"""``scatter(operation, x, index, src, axis, whole=False, out=None)``: elements at such positions of
a copy are combined with those of `src`, an array or a number; in place if `out` is `x`.

Only floats are combined, other numbers can be written. None also if a position is out of range;
then elements of `out` may have changed.
"""

reduce = _core.reduce
"""``reduce(operation, x, sizes, shape, divisor, root)``; few results, in the dtype of `x`."""
reductions = _core.reductions
