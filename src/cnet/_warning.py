"""Warnings that point at the line of the caller."""

import sys
import warnings


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the innermost line outside of the package, however deep this call is."""
    level = 1
    frame = sys._getframe(level)
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "cnet":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level + 1)
