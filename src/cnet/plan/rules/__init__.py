"""Rules that convert operations into steps of a plan, one module per family."""

from . import arithmetic, conv, elementwise, linear, norm, pool, shape, softmax
