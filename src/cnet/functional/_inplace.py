"""Operations that write their result into their input, as `inplace=True` asks for."""

import numpy as np

from .. import autograd
from ..tensor import Tensor, TensorLike


def replace(function: str, x: TensorLike, result: Tensor) -> Tensor:
    """Make `x` the result of an operation on `x`, and return it.

    Where no graph is recorded, the values go into the array of `x`, so that all that shares its
    memory sees them. Where one is, `x` becomes the result with its array and its place in the
    graph: what was recorded from `x` before keeps the old array, and its gradients stay right.

    RuntimeError if `x` is a leaf that requires grad, while a graph is recorded.
    """
    if not isinstance(x, Tensor):
        np.copyto(x, result.data)
        return result
    if result.grad_fn is None and not autograd.is_listing_calls():
        np.copyto(x.data, result.data)
        return x
    if x.requires_grad and x.is_leaf:
        raise RuntimeError(
            f"{function}: a leaf that requires grad cannot be changed in place; use no_grad()"
        )
    x.data, x.grad_fn, x.output_index = result.data, result.grad_fn, result.output_index
    autograd.rename_last_output(x)
    return x
