"""Adam with decoupled weight decay."""

from .adam import Adam
from .optimizer import Params


class AdamW(Adam):
    """Adam with decoupled weight decay, which does not affect the running means.

    Each step first computes param = param · (1 - lr · weight_decay), and then a step of `Adam`
    without weight decay.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float, default 1e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        The decays of the running means of the gradient and of its square, in the range [0, 1).
    eps : float, default 1e-8
        Added to the divisor, so that it is not 0.
    weight_decay : float, default 1e-2
        The factor by which parameters shrink, in units of the learning rate.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.AdamW([w], lr=0.5, weight_decay=0.2)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([0.4, 1.3])
    """

    _decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, maximize=maximize)
