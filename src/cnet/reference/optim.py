"""Steps of optimizers."""

import numpy as np

from ..arrays import Array


def sgd_step(
    param: Array, grad: Array, momentum_buffer: Array | None, lr: float, momentum: float,
    dampening: float, weight_decay: float, nesterov: bool, maximize: bool, first: bool,
) -> None:  # fmt: skip
    """param -= lr d, where d is g without a buffer b, b with one, and g + momentum b with nesterov.

    g = ±grad + weight_decay param. b = momentum b + (1 - dampening) g, or g in the first step, and
    is kept in momentum_buffer.
    """
    g = -grad if maximize else grad
    if weight_decay != 0:
        g = g + weight_decay * param
    if momentum_buffer is not None:
        b = g if first else momentum * momentum_buffer + (1 - dampening) * g
        momentum_buffer[...] = b
        g = g + momentum * b if nesterov else b
    param -= lr * g


def adam_step(
    param: Array, grad: Array, exp_avg: Array, exp_avg_sq: Array, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, step: int, maximize: bool, decoupled: bool,
) -> None:  # fmt: skip
    """param -= lr m̂ / (√v̂ + eps), with m̂ = m / (1 - beta1^step) and v̂ = v / (1 - beta2^step).

    m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g² are kept in exp_avg and exp_avg_sq.
    g = ±grad + weight_decay param; decoupled shrinks param by (1 - lr weight_decay) instead.
    """
    g = -grad if maximize else grad
    if decoupled:
        param *= 1 - lr * weight_decay
    elif weight_decay != 0:
        g = g + weight_decay * param
    exp_avg[...] = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq[...] = beta2 * exp_avg_sq + (1 - beta2) * g**2
    mean, mean_square = exp_avg / (1 - beta1**step), exp_avg_sq / (1 - beta2**step)
    param -= lr * mean / (np.sqrt(mean_square) + eps)
