"""`torch.linalg`: norms, products, solutions and decompositions of matrices."""

from numpy.linalg import LinAlgError

from ..operations.products import matmul
from .decompositions import cholesky, eigh, eigvalsh, matrix_rank, pinv, qr, svd
from .norms import matrix_norm, norm, vector_norm
from .solutions import (
    cond,
    cross,
    det,
    diagonal,
    inv,
    matrix_power,
    multi_dot,
    slogdet,
    solve,
    svdvals,
    vecdot,
)

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv",
    "matmul", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals", "vecdot", "vector_norm",
]  # fmt: skip
