"""`torch.linalg`: norms, products, solutions and decompositions of matrices."""

from numpy.linalg import LinAlgError

from ..operations.products import matmul
from .decompositions import cholesky, eigh, eigvalsh, qr, svd, svdvals
from .norms import matrix_norm, norm, vector_norm
from .products import (
    cross,
    diagonal,
    householder_product,
    matrix_exp,
    matrix_power,
    multi_dot,
    vander,
    vecdot,
)
from .pseudo_inverse import cond, lstsq, matrix_rank, pinv
from .solutions import det, inv, slogdet, solve, solve_triangular, tensorinv, tensorsolve

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh",
    "householder_product", "inv", "lstsq", "matmul", "matrix_exp", "matrix_norm", "matrix_power",
    "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
    "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip
