"""What becomes of an operation in a plan: a module for each family of rules."""

from . import conv, elementwise, linear, norm, pool, shape, softmax
