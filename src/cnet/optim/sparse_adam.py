"""SparseAdam, which needs gradients that cnet does not have."""

from typing import Any

from .optimizer import Optimizer, Params


class SparseAdam(Optimizer):
    """Not supported: it is Adam for sparse gradients, and all gradients of cnet are dense.

    `Adam` does the same for dense gradients.

    Raises
    ------
    NotImplementedError
        Always.

    Examples
    --------
    >>> from cnet import optim
    >>> optim.SparseAdam([])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: SparseAdam: cnet has no sparse gradients; ...
    """

    def __init__(self, params: Params, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SparseAdam: cnet has no sparse gradients; use optim.Adam for dense gradients"
        )
