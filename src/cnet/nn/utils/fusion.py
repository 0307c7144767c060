"""Layers with the batch normalisation after them, as one layer for evaluation."""

from copy import deepcopy
from typing import Any

import numpy as np

from ..._explained import explained
from ...tensor import array_of
from ..module import Module
from ..parameter import Parameter


@explained
def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that computes what a convolution and a batch normalisation compute.

    Parameters
    ----------
    conv : Module
        A convolution in evaluation mode.
    bn : Module
        The batch normalisation after it, in evaluation mode, with running statistics.
    transpose : bool, default False
        Whether `conv` is a transposed convolution.

    Returns
    -------
    Module
        A copy of `conv` with other weights.

    Raises
    ------
    AssertionError
        If a module is in training mode.

    Examples
    --------
    >>> from cnet import nn
    >>> conv, norm = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    >>> nn.utils.fuse_conv_bn_eval(conv, norm)
    Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
    """
    return _fused("fuse_conv_bn_eval", conv, bn, axis=1 if transpose else 0)


@explained
def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that computes what a linear layer and a batch normalisation compute.

    Arguments, result and errors are those of `fuse_conv_bn_eval`; ValueError if the numbers of
    features do not match.
    """
    if bn.num_features not in (linear.out_features, 1):
        raise ValueError(
            "fuse_linear_bn_eval: bn.num_features must equal linear.out_features or 1 "
            f"(got {bn.num_features} and {linear.out_features})"
        )
    return _fused("fuse_linear_bn_eval", linear, bn, axis=0)


@explained
def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the layer of `fuse_conv_bn_eval`; an argument that is None is left out."""
    return _weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


@explained
def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the layer of `fuse_linear_bn_eval`."""
    return _weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fused(function: str, layer: Any, bn: Any, axis: int) -> Module:
    if layer.training or bn.training:
        raise AssertionError(f"{function}: both modules must be in evaluation mode")
    if bn.running_mean is None:
        raise ValueError(f"{function}: bn must have running statistics")
    fused: Any = deepcopy(layer)
    fused.weight, fused.bias = _weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, axis
    )
    return fused  # type: ignore[no-any-return]


def _weights(
    weight: Any, bias: Any, mean: Any, var: Any, eps: float, scale: Any, shift: Any, axis: int
) -> tuple[Parameter, Parameter]:
    w = array_of(weight)
    factor = 1 / np.sqrt(array_of(var) + eps)
    if scale is not None:
        factor = factor * array_of(scale)
    b = (0 if bias is None else array_of(bias)) - array_of(mean)
    b = b * factor + (0 if shift is None else array_of(shift))
    broadcast = [-1 if position == axis else 1 for position in range(w.ndim)]
    fused = w * factor.reshape(broadcast)
    return (
        Parameter(fused.astype(w.dtype), getattr(weight, "requires_grad", True)),
        Parameter(b.astype(w.dtype), getattr(bias, "requires_grad", True)),
    )
