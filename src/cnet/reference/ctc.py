"""Connectionist temporal classification. `g` is (n, steps, labels, classes)."""

from typing import Any

import numpy as np

from ..arrays import Array

Sizes = tuple[int, int, int, int]


def ctc_loss(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, losses: Array,
    alpha: Array, g: Sizes, blank: int,
) -> int:  # fmt: skip
    """-log of the probability of all alignments, from that of all paths to each state.

    Returns the number of sequences with a length or a label that is out of range.
    """
    losses[...], alpha[...] = 0, -np.inf
    invalid = 0
    for i, (steps, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        labels = targets[i, : max(count, 0)]
        if not _is_valid(labels, steps, count, g):
            invalid += 1
            continue
        states, barred = _states(labels, blank)
        paths = _paths(log_probs[:steps, i, states], barred)
        alpha[i, :steps, : len(states)] = paths
        if steps:
            losses[i] = -np.logaddexp.reduce(paths[-1, -2:])
        else:
            losses[i] = np.inf if count else 0
    return invalid


def ctc_loss_backward(
    grad_losses: Array, log_probs: Array, targets: Array, input_lengths: Array,
    target_lengths: Array, losses: Array, alpha: Array, dx: Array, g: Sizes, blank: int,
) -> int:  # fmt: skip
    """dx = grad (exp(log_probs) - p), with the probability p of the states of each class.

    Returns the number of sequences with a length or a label that is out of range.
    """
    dx[...] = 0
    invalid = 0
    for i, (steps, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        labels = targets[i, : max(count, 0)]
        if not _is_valid(labels, steps, count, g):
            invalid += 1
        elif grad_losses[i] != 0:
            states, barred = _states(labels, blank)
            emitted = log_probs[:steps, i, states]
            reversed_barred = np.concatenate([barred[:2], barred[:1:-1]])
            beta = _paths(emitted[::-1, ::-1], reversed_barred)[::-1, ::-1]
            p = np.zeros((steps, g[3]), dx.dtype)
            with np.errstate(invalid="ignore"):  # an infinite loss has no derivative
                shares = np.exp(alpha[i, :steps, : len(states)] + beta - emitted + losses[i])
            of_states: Any = slice(None), states
            np.add.at(p, of_states, shares)
            dx[:steps, i] = grad_losses[i] * (np.exp(log_probs[:steps, i]) - p)
    return invalid


def _is_valid(labels: Array, steps: Any, count: Any, g: Sizes) -> bool:
    _, most_steps, most_labels, classes = g
    within = 0 <= steps <= most_steps and 0 <= count <= most_labels
    return bool(within and ((labels >= 0) & (labels < classes)).all())


def _states(labels: Array, blank: int) -> tuple[Array, Array]:
    """The classes of all states: blanks before, between and after the labels.

    And 0 if a path may enter a state from two states before, over a blank between different labels;
    else minus infinity.
    """
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    barred = np.full(len(states), -np.inf)
    barred[3::2][labels[1:] != labels[:-1]] = 0
    return states, barred


def _paths(emitted: Array, barred: Array) -> Array:
    """The logarithm of the probability of all paths to each state at each step."""
    paths = np.full_like(emitted, -np.inf)
    paths[:1, :2] = emitted[:1, :2]
    for t in range(1, len(paths)):
        before = np.concatenate([[-np.inf, -np.inf], paths[t - 1]])
        entered = np.logaddexp(before[2:], before[1:-1])
        paths[t] = np.logaddexp(entered, before[:-2] + barred) + emitted[t]
    return paths
