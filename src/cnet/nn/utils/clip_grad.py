"""Limits for gradients."""

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from ..._explained import explained
from ..._warning import warn
from ...dtypes import get_default_dtype
from ...replay import repeated
from ...tensor import Tensor, array_of

Tensors: TypeAlias = Tensor | Iterable[Tensor]


@explained
def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors together, as of one vector.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        The tensors.
    norm_type : float, default 2.0
        The order of the norm; may be ``inf``.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error.
    foreach : bool, optional
        Has no effect.

    Returns
    -------
    Tensor, shape ()
        0 if there are no tensors.

    Raises
    ------
    RuntimeError
        If the norm is not finite and `error_if_nonfinite` is true.

    Examples
    --------
    >>> import cnet
    >>> cnet.nn.utils.get_total_norm([cnet.tensor([3.0]), cnet.tensor([4.0])])
    tensor(5.)
    """
    total: Tensor = repeated(
        "get_total_norm",
        _total_norm,
        _listed("get_total_norm", "tensors", tensors),
        float(norm_type),
        error_if_nonfinite,
    )
    return total


def _total_norm(tensors: list[Tensor], order: float, error_if_nonfinite: bool) -> Tensor:
    arrays = [array_of(tensor) for tensor in tensors]
    if not arrays:
        return Tensor(get_default_dtype().type(0))
    norms = np.array([_norm(array, order) for array in arrays])
    total = Tensor(np.asarray(_norm(norms, order), np.result_type(*arrays)))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of order {order} of the gradients is not finite "
            f"(got {total.item()}); set error_if_nonfinite=False to ignore this"
        )
    return total


@explained
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale gradients in place so that their norm is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Their gradients are scaled; those without one are left out.
    max_norm : float
        The largest norm of all gradients together.
    norm_type : float, default 2.0
        The order of the norm; may be ``inf``.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error.
    foreach : bool, optional
        Has no effect.

    Returns
    -------
    Tensor, shape ()
        The norm before scaling.

    Raises
    ------
    RuntimeError
        If the norm is not finite and `error_if_nonfinite` is true.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> cnet.nn.utils.clip_grad_norm_(x, max_norm=1.0)
    tensor(5.)
    >>> x.grad
    tensor([0.6, 0.8])
    """
    gradients = _gradients(_listed("clip_grad_norm_", "parameters", parameters))
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    repeated("clip_grad_norm_", _scale, gradients, max_norm, total)
    return total


@explained
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Any, foreach: bool | None = None
) -> None:
    """Scale gradients in place by ``max_norm / total_norm`` if that is less than 1."""
    gradients = _gradients(_listed("clip_grads_with_norm_", "parameters", parameters))
    repeated("clip_grads_with_norm_", _scale, gradients, max_norm, total_norm)


def _scale(gradients: list[Tensor], max_norm: float, total_norm: Any) -> None:
    factor = float(max_norm) / (float(total_norm) + 1e-6)
    for gradient in gradients:
        gradient._array *= 1.0 if factor > 1 else factor
        gradient.note_change("clip_grad_norm_")


@explained
def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """PyTorch's deprecated name of `clip_grad_norm_`."""
    warn("clip_grad_norm is deprecated; use clip_grad_norm_", FutureWarning)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


@explained
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit the elements of gradients in place to ``[-clip_value, clip_value]``.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Their gradients are limited; those without one are left out.
    clip_value : float
        The largest absolute value.
    foreach : bool, optional
        Has no effect.
    """
    gradients = _gradients(_listed("clip_grad_value_", "parameters", parameters))
    repeated("clip_grad_value_", _limit, gradients, float(clip_value))


def _limit(gradients: list[Tensor], limit: float) -> None:
    for gradient in gradients:
        np.clip(gradient._array, -limit, limit, out=gradient._array)
        gradient.note_change("clip_grad_value_")


def _listed(function: str, name: str, tensors: Tensors) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        return [tensors]
    if not isinstance(tensors, Iterable):
        raise TypeError(
            f"{function}: {name} must be a tensor or an iterable of tensors (got "
            f"{type(tensors).__name__})"
        )
    return list(tensors)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _norm(array: Any, order: float) -> Any:
    values = array.reshape(-1)
    return np.linalg.norm(values, order) if values.size else 0.0
