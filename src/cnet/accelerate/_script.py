"""Runs a script as it is, and watches the layers in it and in the modules next to it.

All modules outside of the standard library and of installed packages are compiled with a decorator
on each class, and on each function whose name is that of a layer. Line numbers stay as they are.
"""

import ast
import builtins
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .. import __version__
from ._budget import Budget
from ._history import History, Past
from ._targets import function_role, places, unwatch, watch_class, watch_function
from ._watched import Options

if TYPE_CHECKING:
    from argparse import ArgumentParser

DECORATOR = "__cnet_accelerate__"
"""The name of the decorator, a builtin while a script runs."""
PACKAGES = frozenset(("site-packages", "dist-packages"))
"""The names of folders with the modules of others, also of another environment that is in use."""


class Command:
    """The arguments of the command; those that begin with a dash are described in `_parser`."""

    report: bool = False
    only: str = ""
    write: bool = False
    at_once: bool = False
    no_history: bool = False

    def __init__(self, script: str = "", arguments: Sequence[str] = ()) -> None:
        self.script, self.arguments = script, arguments
        """A script, and what it gets."""


def main(arguments: Sequence[str]) -> int:
    """Run the script that the arguments name; the exit status."""
    if arguments and not arguments[0].startswith("-"):
        options = Command(arguments[0], arguments[1:])
    else:
        options = _parser().parse_args(arguments, Command())
    path = os.path.abspath(options.script)
    if not os.path.isfile(path):
        print(f"cnet.accelerate: no such file: {options.script}", file=sys.stderr)
        return 2
    finder = _Finder()
    budget = None if options.at_once else Budget(is_patient=True)
    history = None if options.at_once or options.no_history else _history(path, options)
    known = {} if history is None else history.known
    if history is not None and budget is not None:
        budget.expect(history.total, history.lead)
    setattr(builtins, DECORATOR, _decorator(options.only, Options(budget=budget, known=known)))
    sys.meta_path.insert(sys.meta_path.index(importlib.machinery.PathFinder), finder)
    try:
        _run(path, [options.script, *options.arguments])
    finally:
        sys.meta_path.remove(finder)
        delattr(builtins, DECORATOR)
        if options.report:
            from ._report import report_of

            print(report_of(place.watched for place in places), file=sys.stderr)
        if history is not None and budget is not None:
            history.save([path, *finder.users], budget.total - budget.ahead, _situations())
        if options.write:
            from ._write import write

            for file in write():
                print(f"cnet.accelerate: changed {file}", file=sys.stderr)
        unwatch(places)
    return 0


def _history(path: str, options: Command) -> History:
    only = ["--only", options.only] if options.only else []
    return History.of(path, [*only, *options.arguments])


def _situations() -> dict[tuple[str, str], Past]:
    """What this run has found out of all functions."""
    return {
        (watched.label, repr(key)): Past(
            one.so_far, one.replaced, one.refusal or watched.reason, one.price, one.waits
        )
        for watched in [place.watched for place in places]
        for key, one in watched.situations.items()
    }


def _parser() -> "ArgumentParser":
    import argparse  # 3 ms, which a script without options does not need

    parser = argparse.ArgumentParser(
        prog="python -m cnet.accelerate", description="Run a script with its layers accelerated.",
        formatter_class=partial(argparse.HelpFormatter, width=80),  # else argparse imports shutil
    )  # fmt: skip
    parser.add_argument("--report", action="store_true", help="say at the end what cnet computed")
    parser.add_argument(
        "--only", metavar="PATTERN",
        help="watch only the classes and functions with such names, for example 'Conv*'",
    )  # fmt: skip
    parser.add_argument(
        "--write", action="store_true",
        help="write @cnet.accelerate above the classes that cnet computed",
    )  # fmt: skip
    parser.add_argument(
        "--at-once", action="store_true",
        help="learn each function at its second call, even if it takes little time in all",
    )  # fmt: skip
    parser.add_argument(
        "--no-history", action="store_true",
        help="do not use, and do not keep, what earlier runs have found out",
    )  # fmt: skip
    parser.add_argument("script", help="the file of a Python program")
    arguments = parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    arguments.required = False  # there may be none
    return parser


def _run(path: str, arguments: Sequence[str]) -> None:
    """Run a file as ``python path`` does."""
    loader = _ScriptLoader("__main__", path)
    spec = importlib.util.spec_from_file_location("__main__", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__spec__ = None
    before = sys.modules["__main__"], sys.argv, sys.path[0]
    sys.modules["__main__"] = module
    sys.argv, sys.path[0] = [*arguments], os.path.dirname(os.path.realpath(path))
    try:
        loader.exec_module(module)
    finally:
        sys.modules["__main__"], sys.argv, sys.path[0] = before


def _decorator(pattern: str, options: Options) -> Callable[[Any], Any]:
    def is_meant(target: Any) -> bool:
        from fnmatch import fnmatch

        return fnmatch(getattr(target, "__qualname__", ""), pattern)

    def watch(target: Any) -> Any:
        if pattern and not is_meant(target):
            return target
        if isinstance(target, type):
            watch_class(target, options)
        elif isinstance(target, FunctionType) and (role := function_role(target.__name__)):
            return watch_function(target, role, options, is_new=True).wrapper
        return target

    return watch


# ---- Compilation ---------------------------------------------------------------------------------


class _Decorated(ast.NodeTransformer):
    """Adds the decorator to classes and functions outside of classes and functions."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._decorated(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._decorated(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def _decorated(self, node: Any) -> ast.AST:
        first = node.decorator_list[0] if node.decorator_list else node
        node.decorator_list.insert(0, ast.copy_location(ast.Name(DECORATOR, ast.Load()), first))
        return node  # type: ignore[no-any-return]


def compiled(source: bytes, path: str) -> Any:
    """The code of a module with the decorators in it."""
    tree = ast.parse(source, path)
    return compile(_Decorated().visit(tree), path, "exec", dont_inherit=True)


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with the decorators; its byte code has a cache file of its own."""

    def source_to_code(  # type: ignore[override]
        self, data: Any, path: Any, *, _optimization: int = -1
    ) -> Any:
        return compiled(data, path)

    def get_data(self, path: str) -> bytes:
        return super().get_data(self._own(path))

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        super().set_data(self._own(path), data, _mode=_mode)

    @staticmethod
    def _own(path: str) -> str:
        root, suffix = os.path.splitext(path)
        return path if suffix != ".pyc" else f"{root}-cnet-{__version__}{suffix}"


class _ScriptLoader(_Loader):
    """Loads the script itself, without a cache file, as Python does."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return compiled(self.get_data(path), path)


class _Finder:
    """Finds modules as `PathFinder` does, and loads those of the user with the decorators."""

    def __init__(self) -> None:
        own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        folders = os.path.dirname(os.__file__), own  # sysconfig would take a millisecond
        forms = [form(folder) for folder in folders for form in (os.path.abspath, os.path.realpath)]
        self.installed = tuple({folder + os.sep for folder in forms})
        """Where the standard library and cnet are, with symbolic links and without."""
        self.foreign: set[str] = set()
        """Packages that were found there."""
        self.users: list[str] = []
        """Files of the user."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        package = fullname.partition(".")[0]
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if package in self.foreign or spec is None:
            return spec
        if type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return spec
        if not spec.origin or self.is_installed(spec.origin):
            self.foreign.add(package)
            return spec
        spec.loader = _Loader(fullname, spec.origin)
        self.users.append(os.path.abspath(spec.origin))
        return spec

    def is_installed(self, origin: str) -> bool:
        names = os.path.abspath(origin), os.path.realpath(origin)
        return any(
            name.startswith(self.installed) or not PACKAGES.isdisjoint(name.split(os.sep))
            for name in names
        )
