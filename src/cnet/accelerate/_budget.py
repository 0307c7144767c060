"""When learning pays: the seconds that it may take, and those that it can save.

Those of learning are of the processor, so that other programs do not end it earlier.
"""

import gc
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ._values import MOST_ITEMS, is_plain

SHARE = 0.02
"""Of the time in originals, what a patient budget risks for learning."""
MOST_SHARE = 0.05
"""The largest share, for a function that could have saved several times what learning takes."""
MOST_SECONDS = 2.0
"""Seconds for learning, beyond those that have been saved."""
LEAST_SECONDS = 15e-6
"""The shortest call of an original that cnet may replace."""
CALL_SECONDS = 20e-6
"""A call of cnet is expected to take this long, and the following."""
ELEMENT_SECONDS = 1.2e-9
"""For each element of its arrays."""
SAMPLES = 6
"""Calls of the original on copies, in most cases."""
FEW = 5
"""Images in calls on copies, if there are many."""
SEARCH_SECONDS = 0.04
"""Learning takes about this long, and the calls on copies, and the following."""
SEARCH_ELEMENT_SECONDS = 2e-7
"""For each element of the arrays of a call."""
COPY_SECONDS = 1.2e-8
"""For each element that is copied or drawn for a call on copies."""
IMPORT_SECONDS = 0.055
"""The import of the modules that learn, for the first function."""


class Budget:
    """Seconds of the processor that may be spent on learning.

    An eager budget starts with `MOST_SECONDS` for each function, and learns at once. A patient one
    belongs to a whole script and starts with nothing. A function is learned when cnet could have
    saved more of its time than learning will take, and a share of all time in originals, or what
    was saved before, pays for the time after which it may turn out that there is no explanation.
    The share is in proportion to what could have been saved, up to `MOST_SHARE`, until more
    functions are not explained than are. So a script of which nothing can be learned loses little.
    """

    def __init__(self, is_patient: bool = False, left: float = 0.0, lead: int = 0) -> None:
        self.is_patient, self.left = is_patient, left
        self.total = 0.0
        """Of a patient budget, the seconds in originals."""
        self.lead = lead
        """How many more functions were explained than not."""
        self.ahead = 0.0
        """The part of the total that is expected, since the script has taken it before."""

    def expect(self, seconds: float, lead: int) -> None:
        """Originals will work this long in all; before, so many more functions were explained."""
        self.worked(seconds)
        self.ahead, self.lead = seconds, lead

    def worked(self, seconds: float) -> None:
        """Originals have worked for the user."""
        if self.is_patient:
            known = min(seconds, self.ahead)
            self.ahead -= known
            self.left += SHARE * (seconds - known)
            self.total += seconds - known

    def most_seconds(self, price: float) -> float:
        """The time for the search for an explanation, after the calls on copies."""
        return min(MOST_SECONDS, price if self.is_patient else self.left)

    def allows(self, price: "Price", can_save: float, is_unlikely: bool = False) -> bool:
        """Whether to learn a function now.

        An eager budget only asks whether anything is left.

        Parameters
        ----------
        price : Price
            The seconds that learning takes.
        can_save : float
            Those that cnet could have saved so far. As many are expected to come.
        is_unlikely : bool, default False
            Whether a search has taken too long before, or there is none for the forward function.
        """
        if not self.is_patient:
            return self.left > 0
        if can_save < price.all:
            return False
        most = SHARE if is_unlikely or self.lead < 0 else MOST_SHARE
        share = min(SHARE * can_save / price.all, most) if price.all else most
        return self.left + (share - SHARE) * self.total >= price.risk


class Price(NamedTuple):
    """The seconds that learning a function takes."""

    risk: float
    """Until it is explained, or not."""
    all: float


def price_of(
    work: float, images: int, elements: int, copied: int = 0, is_backward: bool = False
) -> Price:
    """What learning takes if nothing is unusual.

    Parameters
    ----------
    work : float
        The seconds of a call of the original.
    images : int
        The images in it.
    elements : int
        The elements of the arrays that it can read or has returned.
    copied : int, default 0
        The elements of all arrays that it can read after the call.
    is_backward : bool, default False
        Whether it has several results, and copies have what forward calls with all images keep.
    """
    each = SAMPLES * work + SEARCH_ELEMENT_SECONDS * elements
    search = (1 + is_backward) * SEARCH_SECONDS
    copies = SAMPLES * COPY_SECONDS * copied
    if not is_by_few(work, images, elements):
        return Price(search + each + copies, search + each + copies)
    risk = search + each * FEW / images + copies * (1 if is_backward else FEW / images)
    return Price(risk, risk + search + (each + copies) / SAMPLES)


def is_by_few(work: float, images: int, elements: int) -> bool:
    """Whether learning is faster if most calls on copies have a few images only."""
    each = SAMPLES * work + SEARCH_ELEMENT_SECONDS * elements
    return images >= 2 * FEW and each > SEARCH_SECONDS


def saved_share(call: float, elements: int) -> float:
    """The share of the time of an original that cnet is expected to save.

    Parameters
    ----------
    call : float
        The seconds of a call.
    elements : int
        The elements of the arrays that it can read or has returned.
    """
    return max(0.0, 1 - (CALL_SECONDS + ELEMENT_SECONDS * elements) / max(call, 1e-9))


def count_elements(values: Iterable[Any]) -> int:
    """The elements of all arrays among values, and in what they hold."""
    found: dict[int, int] = {}
    for value in values:
        _find_arrays(value, found, 4)
    return sum(found.values())


def find_images(values: Iterable[Any]) -> Array | None:
    """The first array among values, or in tuples, with an axis that may be that of images."""
    for value in values:
        array = find_images(value) if isinstance(value, tuple) else value
        if isinstance(array, np.ndarray) and array.ndim > 1:
            return array
    return None


def count_images(call: Iterable[Any], result: Any = None) -> int:
    """The number of images in a call; 0 if its result has another, or if there are none."""
    first, last = find_images(call), find_images((result,))
    if first is None or (last is not None and len(last) != len(first)):
        return 0
    return len(first)


def _find_arrays(value: Any, found: dict[int, int], depth: int) -> None:
    """Note the sizes of arrays by their id."""
    if isinstance(value, np.ndarray):
        found[id(value)] = value.size
        return
    is_container = isinstance(value, (tuple, list, dict)) and len(value) <= MOST_ITEMS
    if not is_container and not is_plain(type(value)):  # modules and classes, which layers may hold
        return
    held = gc.get_referents(value)  # to read __dict__ would make attributes slower from then on
    for item in held if depth else ():
        _find_arrays(item, found, depth - 1)
