"""Adam with the circular echo."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import kernels
from ..._explained import explain_module
from ...arrays import Array
from .graph import Node


class AdamOptimizer:
    r"""Adam, followed by the circular echo where `circular_strength` is positive.

    With :math:`g_t` the gradient of a parameter at step t,

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        \theta \leftarrow \theta - \alpha \,
        \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}.

    The echo, every `echo_freq` steps: the gradients of all parameters are set to 0, except that of
    the last one, which is set to :math:`e = s\,g_t / \sqrt{\mathrm{size}}`, scaled down to the norm
    `echo_norm_clip` if it is larger; s is the `circular_strength`. Then the backward pass through
    the whole graph is repeated `neumann_steps` times: each node propagates its gradient and adds
    the result to the gradients of its parents. All other nodes keep their gradients, and the loss
    keeps 1. Therefore each pass adds the gradient again, and more of it for parameters deeper in
    the graph. Finally, :math:`\theta \leftarrow \theta - \alpha s\,g`.

    Parameters
    ----------
    params : iterable of Node
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
    eps : float, default 1e-8
    circular_strength : float, default 0
    echo_freq, neumann_steps : int, default 1
    echo_norm_clip : float, optional

    Examples
    --------
    >>> from cnet.dropin.node import AdamOptimizer, Node
    >>> w = Node(1.0)
    >>> optimizer = AdamOptimizer([w], lr=0.1)
    >>> topo = (w * w).backward()
    >>> optimizer.step(topo_graph=topo)
    >>> print(round(float(w.value), 6))
    0.9
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        circular_strength: float = 0.0,
        echo_freq: int = 1,
        neumann_steps: int = 1,
        echo_norm_clip: float | None = None,
    ) -> None:
        self.params: list[Any] = list(params)
        if not self.params:
            raise ValueError("AdamOptimizer: params must hold a Node (got none)")
        self.lr, self.eps = lr, eps
        self.beta1, self.beta2 = betas
        self.t = 0
        self.m = {id(p): np.zeros(p.value.shape, np.float32) for p in self.params}
        self.v = {id(p): np.zeros(p.value.shape, np.float32) for p in self.params}
        self.circular_strength = circular_strength
        self.echo_freq, self.neumann_steps = echo_freq, max(1, neumann_steps)
        self.echo_norm_clip = echo_norm_clip

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    def step(self, topo_graph: Sequence[Node] | None = None) -> None:
        """Update the parameters; for the echo, pass the graph that `Node.backward` returned."""
        self.t += 1
        for p in self.params:
            given = np.zeros_like(p.value) if p.grad is None else p.grad
            p.original_grad = np.array(given, np.float32)
            self._adam(p, p.original_grad)
        echoes = self.circular_strength > 0 and topo_graph is not None
        if echoes and self.t % self.echo_freq == 0:
            self._echo(topo_graph)  # type: ignore[arg-type]

    def _adam(self, p: Node, grad: Array) -> None:
        value = np.require(p.value, np.float32, ("C", "W"))
        m, v = self.m[id(p)], self.v[id(p)]
        betas = self.beta1, self.beta2
        kernels.adam_step(value, grad, m, v, self.lr, *betas, self.eps, 0.0, self.t)
        if value is not p.value:
            p.value[...] = value

    def _echo(self, topo_graph: Sequence[Node]) -> None:
        last = next((p for p in reversed(self.params) if p.value.ndim), self.params[-1])
        size = np.sqrt(np.prod(last.value.shape)).astype(np.float32)
        echo = last.original_grad.astype(np.float32) / (size + 1e-12) * self.circular_strength
        if self.echo_norm_clip is not None:
            norm = np.linalg.norm(echo.ravel())
            if norm > self.echo_norm_clip:
                echo *= self.echo_norm_clip / (norm + 1e-12)
        for p in self.params:
            p.grad = None
        last.grad = echo
        for _ in range(self.neumann_steps):
            for node in reversed(topo_graph):
                node._backward(node)
        for p in self.params:
            if p.grad is not None:
                p.value -= self.lr * p.grad * self.circular_strength


explain_module(__name__)
