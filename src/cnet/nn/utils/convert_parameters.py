"""Parameters as one vector."""

from collections.abc import Iterable

from ..._explained import explained
from ...operations import cat
from ...tensor import Tensor


@explained
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Join all elements of parameters to one vector.

    Parameters
    ----------
    parameters : iterable of Tensor
        The parameters.

    Returns
    -------
    Tensor, shape (n,)
        A copy, which is part of the graph.

    Examples
    --------
    >>> from cnet import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


@explained
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Replace the values of parameters by parts of a vector, whose memory they share.

    Parameters
    ----------
    vec : Tensor, shape (n,)
        The elements of all parameters.
    parameters : iterable of Tensor
        The parameters.

    Raises
    ------
    TypeError
        If `vec` is not a Tensor.
    ValueError
        If `vec` has fewer elements than the parameters.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor (got {type(vec).__name__})")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        if end > vec.numel():
            raise ValueError(
                "vector_to_parameters: vec must have all elements of the parameters "
                f"(got {vec.numel()} and at least {end})"
            )
        parameter.data = vec.detach()[start:end].reshape(parameter.shape)
        start = end
