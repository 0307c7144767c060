"""The command `cnet`. Slow imports are inside the functions that need them."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

from .._commands import UsageError, note
from ..checkpoint import CheckpointError


class _Command(NamedTuple):
    """A command: the module with its ``add_arguments`` and ``run``, and what it does."""

    module: str
    help: str


COMMANDS = {
    "train": _Command("cnet.cli.train", "train a network on images"),
    "eval": _Command("cnet.cli.evaluate", "measure a trained network on its test images"),
    "predict": _Command("cnet.cli.predict", "classify images with a trained network"),
    "summary": _Command("cnet.cli.summary", "show the layers of a network"),
    "experiment": _Command("cnet.experiment.cli", "compare training rules"),
    "bench": _Command("cnet.bench.cli", "compare the speed of cnet and pure NumPy"),
    "info": _Command("cnet.cli.info", "show versions, processor, instruction set and threads"),
}


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line, as the command reports all errors."""

    def error(self, message: str) -> Any:
        self.exit(2, f"cnet: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit code: 0 for success, 1 for a failure, 2 for wrong arguments, 130 after Ctrl-C,
        141 if what reads the output has ended, as in ``cnet summary resnet18 | head``.
        Arguments that cannot be parsed raise SystemExit with code 2.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Characters that the encoding lacks, in names of files for example, as on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser(argv)
    args = parser.parse_args(argv)
    if "run" not in args:
        parser.print_help()
        return 0
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes the rest of the output at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except UsageError as error:
        return _fail(f"error: {_reason(error)}", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"error: {where}{error.strerror or _reason(error)}", 1)
    except (CheckpointError, FloatingPointError, ImportError) as error:
        return _fail(f"error: {_reason(error)}", 1)


def _reason(error: Exception) -> str:
    """The message in one line; that of an error in a worker ends with the original one."""
    text = str(error).strip()
    return text.rsplit(f"{type(error).__name__}: ", 1)[-1] if "\n" in text else text


def _fail(message: str, code: int) -> int:
    note(f"cnet: {message}")
    return code


def _parser(argv: Sequence[str]) -> _Parser:
    """The parser; only the module of the command that is called is imported."""
    parser = _Parser(prog="cnet", description="Convolutional networks on NumPy arrays.")
    parser.add_argument("--version", action="version", version=f"cnet {version('cnet-nn')}")
    commands = parser.add_subparsers(metavar="command")
    for name, command in COMMANDS.items():
        module = import_module(command.module) if argv[:1] == [name] else None
        one = commands.add_parser(
            name,
            help=command.help,
            description=module.__doc__ if module else None,
            epilog=getattr(module, "EPILOG", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module is not None:
            if hasattr(module, "run"):
                one.set_defaults(run=module.run)
            module.add_arguments(one)
    return parser
