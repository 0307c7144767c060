"""What the layers of a model compute, and how long they take."""

from .profiles import Profile, profile
from .summaries import Summary, summary

__all__ = ["Profile", "Summary", "profile", "summary"]
