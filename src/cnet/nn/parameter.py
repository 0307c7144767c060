"""Parameter: a tensor that is trained as part of a module."""

from typing import Any

from ..tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the `Module` it is assigned to.

    Parameters
    ----------
    data : Tensor or ndarray of float32 or float64
        The initial values. Their memory is shared, not copied.
    requires_grad : bool, default True
        Whether `backward` computes its gradient.

    Raises
    ------
    TypeError
        If `data` is not real numbers, or `requires_grad` is true for a dtype that is not float.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(np.ones(3, np.float32))
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
