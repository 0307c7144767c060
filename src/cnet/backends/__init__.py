"""`torch.backends`: settings of libraries that cnet does not use, stored without an effect."""

from typing import Any

from . import cudnn

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]


class Backend:
    """The settings of a library, which can be set to any value."""

    def __init__(self, name: str, **settings: Any) -> None:
        self._name = name
        self.__dict__.update(settings)

    def is_available(self) -> bool:
        """Whether the library is used: always false."""
        return False

    is_built = is_available

    def version(self) -> None:
        """The version of the library: None."""

    def __repr__(self) -> str:
        return f"cnet.backends.{self._name}"


cuda = Backend("cuda", matmul=Backend("cuda.matmul", allow_tf32=False))
mps = Backend("mps")
mkl = Backend("mkl")
mkldnn = Backend("mkldnn", enabled=False)
openmp = Backend("openmp")
opt_einsum = Backend("opt_einsum", enabled=False, strategy=None)
cpu = Backend("cpu")
