"""Benchmarks of cnet against the same work in pure NumPy: what ``cnet bench`` runs.

`cases` lists the work, `sides` the implementations, `measure` takes the times, `record` keeps them,
and `table` prints them. `compiled` is cnet's side, `numpy_best` and `numpy_loops` are NumPy's.
"""
