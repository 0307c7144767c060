"""The base of `Tensor` that `operations` gives its methods.

Type checkers read the stub beside this file, which `tests/stub.py` writes.
"""


class Methods:
    """Operators and methods that compute."""

    __slots__ = ()
