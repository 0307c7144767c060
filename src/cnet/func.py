"""Functions of modules, as in ``torch.func``."""

from typing import Any

from .nn.utils.stateless import functional_call

__all__ = ["functional_call"]


def __getattr__(name: str) -> Any:
    if name in ("grad", "grad_and_value", "vjp", "jacrev"):
        reason = ": use cnet.autograd.grad, or vjp and jacobian of cnet.autograd.functional"
    elif name in ("vmap", "jvp", "jacfwd", "hessian", "linearize"):
        reason = ": functions are not transformed; derivatives are computed backward, and once"
    else:
        reason = ""
    raise AttributeError(f"module 'cnet.func' has no attribute {name!r}{reason}")
