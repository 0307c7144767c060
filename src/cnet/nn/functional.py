"""`cnet.functional` under its name in PyTorch."""

import sys

from .. import functional
from ..functional import *  # noqa: F403

sys.modules[__name__] = functional
