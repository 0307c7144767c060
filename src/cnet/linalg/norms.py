"""Norms under their names in `torch.linalg`."""

from collections.abc import Sequence

from ..dtypes import DType
from ..operations import norms
from ..operations.registry import operation
from ..tensor import Axis, Tensor, TensorLike


@operation()
def vector_norm(
    x: TensorLike,
    ord: float = 2,
    dim: Axis = None,
    keepdim: bool = False,
    *,
    dtype: DType = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of vectors along dimensions, by default of all elements.

    Parameters
    ----------
    x : Tensor or ndarray of floats, any shape
    ord : number, default 2
        The order.
    dim : int or sequence of int, optional
    keepdim : bool, default False
        Whether to keep these dimensions with size 1.
    dtype : dtype, optional
        The dtype to which `x` is converted first.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.vector_norm(cnet.tensor([3.0, -4.0]), 1)
    tensor(7.)
    """
    return norms.vector_norm("linalg.vector_norm", x, ord, dim, keepdim, dtype)


@operation()
def matrix_norm(
    A: TensorLike,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of matrices in two dimensions.

    Parameters
    ----------
    A : Tensor or ndarray of floats, at least 2 dimensions
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}, default "fro"
        The order.
    dim : pair of int, default (-2, -1)
    keepdim : bool, default False
        Whether to keep these dimensions with size 1.
    dtype : dtype, optional
        The dtype to which `A` is converted first.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.matrix_norm(cnet.tensor([[1.0, -2.0], [3.0, 0.0]]), 1)
    tensor(4.)
    """
    return norms.matrix_norm("linalg.matrix_norm", A, ord, dim, keepdim, dtype)


@operation()
def norm(
    A: TensorLike,
    ord: float | str | None = None,
    dim: Axis = None,
    keepdim: bool = False,
    *,
    dtype: DType = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of vectors or matrices: of vectors for one dimension, of matrices for two.

    Parameters
    ----------
    A : Tensor or ndarray of floats, any shape
    ord : number or str, optional
        The order; by default, the root of the sum of squares.
    dim : int or pair of int, optional
        By default all dimensions, of which there must be 1 or 2 if `ord` is given.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1.
    dtype : dtype, optional
        The dtype to which `A` is converted first.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.norm(cnet.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    if ord is None:
        return norms.vector_norm("linalg.norm", A, 2, dim, keepdim, dtype)
    dims = tuple(range(A.ndim)) if dim is None else dim if isinstance(dim, Sequence) else (dim,)
    if len(dims) not in (1, 2):
        raise ValueError(f"linalg.norm: dim must be 1 or 2 dimensions if ord is given (got {dims})")
    if len(dims) == 1:
        return norms.vector_norm("linalg.norm", A, ord, dims, keepdim, dtype)  # type: ignore[arg-type]
    return norms.matrix_norm("linalg.norm", A, ord, dims, keepdim, dtype)
