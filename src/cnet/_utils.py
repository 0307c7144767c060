"""What public code imports from ``torch._utils``."""

from itertools import accumulate as _accumulate

__all__ = ["_accumulate"]
