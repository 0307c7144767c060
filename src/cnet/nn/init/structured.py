"""Initial values of a certain structure: identity, orthogonal, sparse."""

import math
from typing import Any

import numpy as np

from ..._explained import explained
from ...random import default_generator
from .basic import Fillable, normal_, writable


@explained
def eye_(tensor: Fillable) -> Fillable:
    """Set a matrix to the identity, which preserves the input of a linear layer.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, shape (out, in)
        The values to replace, in place.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `tensor` does not have 2 dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.eye_(np.empty((2, 3)))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    array = _with_dimensions("eye_", tensor, (2,))
    array[...] = np.eye(*array.shape, dtype=array.dtype)
    return tensor


@explained
def dirac_(tensor: Fillable, groups: int = 1) -> Fillable:
    """Set the weight of a convolution so that it preserves as many channels as possible.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, shape (out, in, ...)
        The values to replace, in place; 3, 4 or 5 dimensions.
    groups : int, default 1
        The number of groups of output channels, each of which gets the same weights.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `tensor` does not have 3, 4 or 5 dimensions, or `groups` does not divide `shape[0]`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.dirac_(np.empty((2, 2, 3)))
    array([[[0., 1., 0.],
            [0., 0., 0.]],
    <BLANKLINE>
           [[0., 0., 0.],
            [0., 1., 0.]]])
    """
    array = _with_dimensions("dirac_", tensor, (3, 4, 5))
    if groups < 1 or array.shape[0] % groups:
        raise ValueError(
            f"dirac_: groups must divide tensor.shape[0] (got {groups} and {array.shape[0]})"
        )
    per_group = array.shape[0] // groups
    channels = np.arange(min(per_group, array.shape[1]))
    center: list[int] = [size // 2 for size in array.shape[2:]]
    array[...] = 0
    for first in range(0, array.shape[0], max(per_group, 1)):
        array[(first + channels, channels, *center)] = 1
    return tensor


@explained
def orthogonal_(
    tensor: Fillable, gain: float = 1, generator: "np.random.Generator | None" = None
) -> Fillable:
    """Draw a matrix with orthogonal rows or columns of the same length.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, shape (out, ...)
        The values to replace, in place; dimensions after the first are flattened.
    gain : float, default 1
        The length; see `calculate_gain`.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `tensor` has fewer than 2 dimensions.

    References
    ----------
    A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", ICLR 2014; F. Mezzadri, "How to generate random matrices from
    the classical compact groups", Notices of the AMS 54, 2007 (the signs).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> w = init.orthogonal_(np.empty((2, 4)))
    >>> (w @ w.T).round(6) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    array = writable("orthogonal_", tensor)
    if array.ndim < 2:
        raise ValueError(
            f"orthogonal_: tensor must have at least 2 dimensions (got {array.ndim}, "
            f"shape {array.shape})"
        )
    if array.size:
        rows, columns = array.shape[0], array.size // array.shape[0]
        values = (generator or default_generator()).normal(size=(rows, columns))
        q, r = np.linalg.qr(values.T if rows < columns else values)
        q *= gain * np.sign(np.diagonal(r))
        array[...] = (q.T if rows < columns else q).reshape(array.shape)
    return tensor


@explained
def sparse_(
    tensor: Fillable,
    sparsity: float,
    std: float = 0.01,
    generator: "np.random.Generator | None" = None,
) -> Fillable:
    """Draw from a normal distribution, and set a part of each column to 0.

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, shape (out, in)
        The values to replace, in place.
    sparsity : float
        The part of each column that is 0, from 0 to 1.
    std : float, default 0.01
        The standard deviation of the other values.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `tensor` does not have 2 dimensions, or `sparsity` is not from 0 to 1.

    References
    ----------
    J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> w = init.sparse_(np.empty((10, 3)), sparsity=0.4)
    >>> (w == 0).sum(axis=0)
    array([4, 4, 4])
    """
    array = _with_dimensions("sparse_", tensor, (2,))
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity must be from 0 to 1 (got {sparsity})")
    generator = generator or default_generator()
    normal_(tensor, 0.0, std, generator)
    order = generator.random(array.shape).argsort(axis=0)
    np.put_along_axis(array, order[: math.ceil(sparsity * len(array))], 0, axis=0)
    return tensor


def _with_dimensions(function: str, tensor: Any, allowed: tuple[int, ...]) -> Any:
    """The array of a tensor, whose number of dimensions is checked."""
    array = writable(function, tensor)
    if array.ndim not in allowed:
        numbers = " or ".join(map(str, allowed))
        raise ValueError(
            f"{function}: tensor must have {numbers} dimensions (got {array.ndim}, "
            f"shape {array.shape})"
        )
    return array
