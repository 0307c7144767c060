"""Finds out what a function computes, from samples of its arguments and results.

`explain` looks for an operation of `cnet.kernels` that gives one output of a call from the inputs
of that call. A result holds for all samples, so samples should have random arrays, and others with
equal elements.
"""

from .expressions import Expression, Scale, Term
from .places import FromMaxima
from .samples import TINY, Sample, tiny_numbers
from .search import STAGES, explain, for_images

__all__ = [
    "STAGES", "TINY", "Expression", "FromMaxima", "Sample", "Scale", "Term", "explain",
    "for_images", "tiny_numbers",
]  # fmt: skip
