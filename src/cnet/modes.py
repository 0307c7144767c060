"""The modes of a thread: whether operations record a graph, and who observes them."""

import threading
from typing import Any


class _Current(threading.local):
    def __init__(self) -> None:
        self.enabled = True
        """Whether operations record a graph: see `cnet.no_grad`."""
        self.calls: Any = None
        """The list to which calls of operations are appended, or None."""
        self.recorder: Any = None
        """The recorder of the step that runs, if it is captured: see `cnet.capture`."""
        self.deferred: Any = ()
        """Weak references to the tensors whose arrays are not computed yet."""


current = _Current()
"""The state of the thread. Its ``__dict__`` gives several attributes in the time of one."""
