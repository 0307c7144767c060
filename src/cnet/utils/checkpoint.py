"""Checkpoints of activations: values that are computed again instead of being kept in memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import Function, backward, enable_grad, is_grad_enabled
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor

__all__ = ["checkpoint", "checkpoint_sequential"]


class _Checkpoint(Function[Any]):
    """A function whose intermediate values are computed again in the backward pass.

    The first argument is a tensor that requires grad, so that the call is always recorded.
    """

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, function: Any, preserve: bool, *args: Any) -> Any:
        ctx.run, ctx.args = function, args
        ctx.state = get_rng_state() if preserve else None
        _, results = _recorded(ctx)
        outputs = results if isinstance(results, tuple) else (results,)
        ctx.mark_non_differentiable(*[y for y in outputs if not y.requires_grad])
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        now = get_rng_state()
        if ctx.state is not None:
            set_rng_state(ctx.state)
        inputs, results = _recorded(ctx)
        set_rng_state(now)
        outputs = results if isinstance(results, tuple) else (results,)
        pairs = [pair for pair in zip(outputs, grads, strict=True) if pair[0].requires_grad]
        if pairs:
            backward([y for y, _ in pairs], [grad for _, grad in pairs])
        found = [x.grad if isinstance(x, Tensor) else None for x in inputs]
        return (None, None, None, *found)


def _recorded(ctx: Any) -> tuple[list[Any], Any]:
    """The arguments outside of the graph of the caller, and what the function makes of them."""
    inputs = [
        x.detach().requires_grad_(needed) if isinstance(x, Tensor) else x
        for x, needed in zip(ctx.args, ctx.needs_input_grad[3:], strict=True)
    ]
    with enable_grad():
        return inputs, ctx.run(*inputs)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function, and keep only its arguments for the backward pass, which calls it again.

    Parameters
    ----------
    function : callable
        Takes the arguments and returns a tensor or a tuple of tensors.
    *args, **kwargs
        Its arguments. Tensors that need a gradient must be among `args`; parameters of modules that
        the function uses get theirs, too.
    use_reentrant : bool, optional
        Has no effect: both ways of PyTorch compute the same.
    preserve_rng_state : bool, default True
        Whether the second call gets the same random numbers.

    Returns
    -------
    Tensor or tuple of Tensor

    Examples
    --------
    >>> import cnet
    >>> from cnet.utils.checkpoint import checkpoint
    >>> x = cnet.tensor([2.0], requires_grad=True)
    >>> checkpoint(lambda x: x * x, x).backward()
    >>> x.grad
    tensor([4.])
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    anchor = Tensor(np.zeros((), np.float32), requires_grad=True)

    def run(*inputs: Any) -> Any:
        return function(*inputs, **kwargs)

    return _Checkpoint.apply(anchor, run, preserve_rng_state, *args)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Call functions one after the other, divided into segments that are checkpoints.

    Parameters
    ----------
    functions : Sequential or sequence of callable
    segments : int
        The number of segments; the values of the last one are kept.
    input : Tensor
    use_reentrant, preserve_rng_state
        As in `checkpoint`.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> from cnet.utils.checkpoint import checkpoint_sequential
    >>> net = cnet.nn.Sequential(cnet.nn.ReLU(), cnet.nn.Tanh())
    >>> checkpoint_sequential(net, 2, cnet.zeros(1), use_reentrant=False)
    tensor([0.])
    """
    calls = [*functions]
    size = max(len(calls) // segments, 1)

    def run(part: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
        def call(x: Any) -> Any:
            for function in part:
                x = function(x)
            return x

        return call

    start = 0
    for _ in range(segments - 1):
        part = calls[start : start + size]
        input = checkpoint(run(part), input, preserve_rng_state=preserve_rng_state)
        start += size
    return run(calls[start:])(input)
