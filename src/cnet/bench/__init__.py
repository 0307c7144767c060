"""Benchmarks of cnet against the same work in pure NumPy: what ``cnet bench`` runs.

`cases` says what is timed, `sides` who does it, `measure` how, `record` what is kept, and `table`
prints it.
"""
