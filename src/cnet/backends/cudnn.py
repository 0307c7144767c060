"""The settings of cuDNN, which cnet does not use: they can be set to any value."""

enabled = False
benchmark = False
benchmark_limit = 10
deterministic = True
"""Results of cnet depend neither on the number of threads nor on the run."""
allow_tf32 = False


def is_available() -> bool:
    """Whether cuDNN is used: always false."""
    return False


def version() -> None:
    """The version of cuDNN: None."""
