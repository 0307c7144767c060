"""`torch.jit.annotations`: the types of Python's `typing`."""

from typing import *  # noqa: F403
