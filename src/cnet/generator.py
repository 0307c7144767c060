"""Generator: random numbers, with PyTorch's methods.

This module is imported when it is used, because the import of `numpy.random` is slow.
"""

from operator import index
from typing import Any

import numpy as np

from ._explained import explained
from ._locks import free_after_fork
from .devices import CPU, device, require_cpu

__all__ = ["Generator"]

_FIRST_SEED = 67280421310721
_BITS = 64


class Generator(np.random.Generator):
    """A generator of random numbers.

    It is a `numpy.random.Generator` that also has the methods of PyTorch's. Its random numbers are
    those of NumPy for the same seed, not those of PyTorch. `randn` and other functions of tensors
    compute normally distributed numbers from its bits, by `kernels.normal`, and `randint` and
    `randperm` integers.

    Parameters
    ----------
    device : device or str, default "cpu"
        Must be the CPU.

    Raises
    ------
    RuntimeError
        If `device` is not the CPU.

    Examples
    --------
    >>> import cnet
    >>> a = cnet.rand(2, generator=cnet.Generator().manual_seed(3))
    >>> b = cnet.rand(2, generator=cnet.Generator().manual_seed(3))
    >>> bool((a == b).all())
    True
    """

    @explained
    def __init__(self, device: "device | str" = "cpu") -> None:
        require_cpu("Generator", device)
        super().__init__(np.random.PCG64(_FIRST_SEED))
        free_after_fork(self.bit_generator.lock)
        self._seed = _FIRST_SEED

    @property
    def device(self) -> "device":
        """The CPU."""
        return CPU

    def manual_seed(self, seed: int) -> "Generator":
        """Restart from a seed, and return the generator.

        `seed` is any integer at least −2⁶³; 2⁶⁴ is added to a negative one.
        """
        try:
            number = index(seed)
        except TypeError:
            raise TypeError(f"manual_seed: seed must be an int (got {seed!r})") from None
        number += 2**_BITS if -(2 ** (_BITS - 1)) <= number < 0 else 0
        self.set_state(dict(np.random.PCG64(number).state))
        self._seed = number
        return self

    def seed(self) -> int:
        """Restart from a seed that the operating system chooses, and return the seed."""
        bits: Any = np.random.SeedSequence().entropy
        return self.manual_seed(bits % 2**_BITS).initial_seed()

    def initial_seed(self) -> int:
        """The last seed that was set."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """The state, as plain numbers and strings that fit into JSON."""
        return dict(self.bit_generator.state)

    def set_state(self, new_state: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned."""
        self.bit_generator.state = new_state

    def __reduce__(self) -> Any:
        return _restored, (self.get_state(), self._seed)


def _restored(state: dict[str, Any], seed: int) -> Generator:
    generator = Generator()
    generator.set_state(state)
    generator._seed = seed
    return generator


default_generator = Generator()
default_generator.seed()
