"""Show versions, processor, instruction sets and threads."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    """Print the configuration."""
    from ..runtime import show_config

    show_config()
    return 0
