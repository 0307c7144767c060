"""CircularAdam: Adam, and an echo of the gradient that traverses the graph again."""

from typing import Any

import numpy as np

from ..graphs import Gradients
from ..tensor import Tensor
from .adam import Adam
from .optimizer import Params
from .rule import Array, non_negative, plain

RULES = "literal", "feedback"


class CircularAdam(Adam):
    r"""Adam, followed by the circular echo.

    Each step is a step of Adam, followed every `echo_freq` steps by an echo. Let s be the
    `circular_strength`, K the `neumann_steps`, :math:`\alpha` the learning rate, c the
    `echo_norm_clip`, and :math:`\mathrm{clip}_c(e) = e \min(1, c / \lVert e \rVert)`.

    ``rule="literal"`` is the original rule. The gradients of all parameters are set to 0, except
    that of the last parameter with at least one axis, which is set to

    .. math:: e = \mathrm{clip}_c(s \, g_\mathrm{last} / \sqrt{\dim g_\mathrm{last}}).

    All other nodes of the graph keep their gradients; that of the loss is 1. The graph is traversed
    K times from the end, and each node adds its propagated gradient to the gradients of its inputs:
    :math:`g_i \leftarrow g_i + \sum_{j} J_{ji}^\top g_j`. Then
    :math:`\theta \leftarrow \theta - \alpha s \, g_\theta`. The echo itself changes only its own
    parameter. The other parameters get the true gradient several times, and more often the deeper
    they are in the network.

    ``rule="feedback"`` follows the description of the original rule, with an equation of cnet. Let
    :math:`\gamma` be the gradient of the result of the last layer, the operation that takes the
    last parameter. Its echoes, each weaker by the factor s, are propagated once:

    .. math::
        \theta \leftarrow \theta - \alpha \, J_\theta^\top
        \sum_{k=1}^{K} \mathrm{clip}_c(s^k \gamma).

    In both rules, J is evaluated at the activations of this step and at the parameters that Adam
    has just updated.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, maximize
        As in `Adam`.
    circular_strength : float, default 0.01
        s; if it is 0, there is no echo.
    echo_freq : int, default 1
        The number of steps from one echo to the next.
    neumann_steps : int, default 1
        K.
    echo_norm_clip : float, optional
        c; by default, the norm is not limited.
    rule : {"literal", "feedback"}, default "literal"
        The rule of the echo.

    Raises
    ------
    TypeError, ValueError
        As in `Adam`, or if an option of the echo has an invalid value.

    Examples
    --------
    >>> import numpy as np
    >>> import cnet
    >>> from cnet import nn, optim
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> optimizer = optim.CircularAdam(model.parameters(), circular_strength=0.01)
    >>> loss = nn.CrossEntropyLoss()(model(np.ones((5, 3), np.float32)), np.zeros(5, int))
    >>> optimizer.zero_grad()
    >>> gradients = cnet.graph(loss).backward()
    >>> optimizer.step(gradients=gradients)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        circular_strength: float = 0.01,
        echo_freq: int = 1,
        neumann_steps: int = 1,
        echo_norm_clip: float | None = None,
        rule: str = "literal",
        maximize: bool = False,
    ) -> None:
        non_negative("CircularAdam", "circular_strength", circular_strength)
        if echo_norm_clip is not None:
            non_negative("CircularAdam", "echo_norm_clip", echo_norm_clip)
        for name, value in (("echo_freq", echo_freq), ("neumann_steps", neumann_steps)):
            if value < 1:
                raise ValueError(f"CircularAdam: {name} must be at least 1 (got {value})")
        if rule not in RULES:
            raise ValueError(f"CircularAdam: rule must be one of {RULES} (got {rule!r})")
        super().__init__(params, lr, betas, eps, weight_decay, maximize=maximize)
        self.circular_strength = circular_strength
        self.echo_freq = echo_freq
        self.neumann_steps = neumann_steps
        self.echo_norm_clip = echo_norm_clip
        self.rule = rule

    def step(self, closure: Any = None, *, gradients: Gradients | None = None) -> Any:
        """Update every parameter that has a gradient, then add the echo.

        Parameters
        ----------
        closure : callable, optional
            As in `Optimizer.step`.
        gradients : Gradients, optional
            The result of `Graph.backward`; without it there is no echo.

        Returns
        -------
        The loss that `closure` returned, or None.
        """
        loss = super().step(closure)
        steps = max((int(state["step"]) for state in self.state.values()), default=0)
        if gradients is not None and self.circular_strength > 0 and steps % self.echo_freq == 0:
            echo = self._literal if self.rule == "literal" else self._feedback
            echo(gradients)
        return loss

    def _clipped(self, echo: Array) -> Array:
        if self.echo_norm_clip is not None:
            norm = np.linalg.norm(echo.ravel())
            if norm > self.echo_norm_clip:
                echo = echo * (self.echo_norm_clip / (norm + 1e-12))
        return echo

    def _last(self) -> Tensor:
        params = list(self._all_params())
        return next((param for param in reversed(params) if param.ndim), params[-1])

    def _literal(self, gradients: Gradients) -> None:
        last, replay = self._last(), gradients.copy()
        own = gradients[last]
        for param in self._all_params():
            replay[param] = None
        if own is not None:
            size = np.sqrt(own.size).astype(own.dtype)
            replay[last] = self._clipped(own / (size + 1e-12) * self.circular_strength)
        for _ in range(self.neumann_steps):
            replay.sweep(changed=True)
        self._descend(replay, self.circular_strength)

    def _feedback(self, gradients: Gradients) -> None:
        edge = gradients.graph.output_of(self._last())
        gradient = None if edge is None else gradients.at(edge)
        if edge is None or gradient is None:
            return
        strengths = [self.circular_strength**k for k in range(1, self.neumann_steps + 1)]
        echoes = [self._clipped(gradient * strength) for strength in strengths]
        replay = Gradients(gradients.graph)
        replay.add_at(edge, np.sum(echoes, axis=0, dtype=gradient.dtype))
        replay.sweep(changed=True)
        self._descend(replay, 1.0)

    def _descend(self, gradients: Gradients, scale: float) -> None:
        for group in self.param_groups:
            sign = -1 if group["maximize"] else 1
            for param in group["params"]:
                gradient = gradients[param]
                if gradient is not None:
                    param._array[...] -= sign * plain(group["lr"]) * gradient * scale
                    param.note_change("CircularAdam.step")
