"""Parametrizations of weights: weight normalisation, spectral normalisation, orthogonality."""

from typing import Any

import numpy as np

from ... import linalg
from ...operations import cat, matmul, sqrt
from ...random import default_generator
from ...tensor import Tensor
from ..module import Module
from ._norms import (
    as_matrix,
    largest_singular_value,
    norm_except,
    power_iteration,
    random_unit,
)
from .parametrize import register_parametrization
from .spectral_norm import default_dim

START_STEPS = 15
"""Power iterations on the initial weight."""


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = None if dim == -1 else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Train the length and the direction of a weight instead of its elements.

    The lengths are stored as ``parametrizations.<name>.original0``, the directions as
    ``parametrizations.<name>.original1``.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str, default "weight"
        The parameter.
    dim : int or None, default 0
        The axis of the vectors that have a length each; None for one length.

    References
    ----------
    T. Salimans, D. Kingma, "Weight normalization", NIPS 2016.

    Examples
    --------
    >>> from cnet import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    >>> [p.shape for p in layer.parameters()]
    [(3,), (3, 1), (3, 4)]
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"spectral_norm: dim must be in range for {weight.ndim} dimensions (got {dim})"
            )
        if n_power_iterations < 1:
            raise ValueError(
                f"spectral_norm: n_power_iterations must be at least 1 (got {n_power_iterations})"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight, self.dim)._array
            u, v = (random_unit(size, weight.dtype, eps) for size in matrix.shape)
            power_iteration(matrix, u, v, START_STEPS, eps, right_first=False)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return weight / sqrt((weight * weight).sum()).clip(self.eps)
        matrix = as_matrix(weight, self.dim)
        u, v = self._u._array, self._v._array
        if self.training:
            power_iteration(
                matrix._array, u, v, self.n_power_iterations, self.eps, right_first=False
            )
        return weight / largest_singular_value(matrix, u, v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Any,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Any:
    """Divide a weight by its largest singular value, which each use in training mode improves.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str, default "weight"
        The parameter.
    n_power_iterations : int, default 1
        The number of power iterations in each use.
    eps : float, default 1e-12
        The smallest norm that is divided by.
    dim : int, optional
        The axis of the outputs; by default 1 for transposed convolutions, 0 for others.

    Raises
    ------
    ValueError
        If there is no such parameter, or `n_power_iterations` is less than 1.
    IndexError
        If `dim` is out of range.

    References
    ----------
    T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=50)
    >>> round(float(np.linalg.norm(layer.weight.detach().numpy(), 2)), 3)
    1.0
    """
    weight = _weight("spectral_norm", module, name)
    dim = default_dim(module) if dim is None else dim
    parametrization = _SpectralNorm(weight, n_power_iterations, dim, eps)
    register_parametrization(module, name, parametrization)
    return module


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        q: Tensor
        transposed = X.shape[-2] < X.shape[-1]
        X = X.transpose(-1, -2) if transposed else X
        n, k = X.shape[-2:]
        if self.orthogonal_map == "householder":
            a = X * np.tril(np.ones((n, k), X.dtype), -1)
            tau = 2 / (1 + (a * a).sum(-2))
            signs = np.sign(np.diagonal(X._array, axis1=-2, axis2=-1))
            q = linalg.householder_product(a, tau) * signs[..., None, :]
        else:
            a = X * np.tril(np.ones((n, k), X.dtype))
            if n != k:
                a = cat([a, Tensor(np.zeros((*X.shape[:-2], n, n - k), X.dtype))], -1)
            a = a - a.transpose(-1, -2)
            if self.orthogonal_map == "matrix_exp":
                q = linalg.matrix_exp(a)
            else:
                identity = Tensor(np.eye(n, dtype=X.dtype))
                q = linalg.solve(identity - a / 2, identity + a / 2)
            q = q[..., :k]
        if self.base is not None:
            q = matmul(self.base, q)
        return q.transpose(-1, -2) if transposed else q

    def right_inverse(self, Q: Tensor) -> Tensor:
        array = Q._array
        transposed = array.shape[-2] < array.shape[-1]
        q = np.swapaxes(array, -1, -2) if transposed else array
        n, k = q.shape[-2:]
        if self.use_trivialization:
            q = self._completed(q, n, k)
            self.base = Tensor(np.ascontiguousarray(q))
            result = np.zeros_like(q)
            result[..., range(n), range(n)] = -1
            result = result[..., :k]
        elif self.orthogonal_map == "householder":
            h, tau = np.linalg.qr(q, mode="raw")
            result = np.ascontiguousarray(np.swapaxes(h, -1, -2))
            diagonal = np.sign(result[..., range(k), range(k)])
            result[..., range(k), range(k)] = np.where(tau == 0, -diagonal, diagonal)
        else:
            raise NotImplementedError(
                "orthogonal: without trivialization, only the Householder map can start from a "
                "given matrix"
            )
        return Tensor(np.swapaxes(result, -1, -2) if transposed else result)

    def _completed(self, q: Any, n: int, k: int) -> Any:
        """An orthogonal matrix whose first columns are those of `q`, made orthogonal."""
        if n != k:
            more = default_generator().standard_normal((*q.shape[:-2], n, n - k))
            q = np.concatenate([q, more.astype(q.dtype)], -1)
        orthogonal, r = np.linalg.qr(q)
        return orthogonal * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


def orthogonal(
    module: Any,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Any:
    """Keep a weight orthogonal: its columns, or its rows if it has fewer, are orthonormal.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str, default "weight"
        The parameter, with at least 2 dimensions.
    orthogonal_map : {'matrix_exp', 'cayley', 'householder'}, optional
        How the orthogonal matrix is computed; by default the matrix exponential for square
        matrices, and products of Householder reflections for others.
    use_trivialization : bool, default True
        Whether to multiply by a fixed orthogonal matrix, the initial weight made orthogonal.

    Raises
    ------
    ValueError
        If there is no such parameter, it has fewer than 2 dimensions, or the map is unknown.

    References
    ----------
    M. Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> weight = nn.utils.parametrizations.orthogonal(nn.Linear(3, 4)).weight.detach().numpy()
    >>> bool(np.allclose(weight.T @ weight, np.eye(3), atol=1e-6))
    True
    """
    weight = _weight("orthogonal", module, name)
    if weight.ndim < 2:
        raise ValueError(f"orthogonal: {name} must have at least 2 dimensions (got {weight.ndim})")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            "orthogonal: orthogonal_map must be 'matrix_exp', 'cayley' or 'householder' "
            f"(got {orthogonal_map!r})"
        )
    parametrization = _Orthogonal(orthogonal_map, use_trivialization)
    register_parametrization(module, name, parametrization, unsafe=True)
    return module


def _weight(function: str, module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"{function}: {type(module).__name__} has no parameter or buffer {name!r}")
    return weight.detach()
