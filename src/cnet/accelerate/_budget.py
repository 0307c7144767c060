"""When learning pays: the seconds that it may take, and those that it can save.

Those of learning are of the processor, so that other programs do not end it earlier.
"""

from dataclasses import dataclass

SHARE = 0.02
"""Of the time in originals, what a patient budget spends on learning."""
MOST_SECONDS = 2.0
"""Seconds for learning, beyond those that have been saved."""
LEAST_SECONDS = 15e-6
"""The shortest call of an original that cnet may replace."""
HALVED_SECONDS = 3e-4
"""A call of an original that takes this long is expected to take half of it in cnet."""
SAMPLES = 6
"""Calls of the original on copies, in most cases."""
SEARCH_SECONDS = 0.04
"""Learning takes about this long, and the calls on copies."""
IMPORT_SECONDS = 0.03
"""The import of the modules that learn, for the first function."""


@dataclass
class Budget:
    """Seconds of the processor that may be spent on learning.

    An eager budget starts with `MOST_SECONDS` for each function, and learns at once. A patient one
    belongs to a whole script and starts with nothing. A function is learned when its original has
    taken longer than learning will take, and a share of all time in originals pays for that. So a
    script of which nothing can be learned loses little.
    """

    is_patient: bool = False
    left: float = 0.0

    def worked(self, seconds: float) -> None:
        """Originals have worked for the user."""
        if self.is_patient:
            self.left += SHARE * seconds

    def most_seconds(self, price: float) -> float:
        """The time after which the search for an explanation ends."""
        return min(MOST_SECONDS, 2 * price if self.is_patient else self.left)

    def allows(self, price: float, call: float, so_far: float) -> bool:
        """Whether to learn a function now.

        An eager budget only asks whether anything is left.

        Parameters
        ----------
        price : float
            The seconds that learning takes.
        call : float
            Those of a call of the original.
        so_far : float
            Those of all its calls. As many are expected to come.
        """
        if not self.is_patient:
            return self.left > 0
        can_save = so_far * call / (call + HALVED_SECONDS)
        return self.left >= price and can_save >= price
