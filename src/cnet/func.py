"""Functions of modules, as in ``torch.func``."""

from .nn.utils.stateless import functional_call

__all__ = ["functional_call"]
