"""The stub of the methods of `Tensor`, generated from the registered operations.

``python tests/stub.py`` writes it; a test checks that it is up to date.
"""

import ast
import inspect
import textwrap
from pathlib import Path

import cnet
from cnet.operations import registry

PATH = Path(cnet.__file__).with_name("_methods.pyi")

HEAD = '''"""The methods of `Tensor` for type checkers, written by ``python tests/stub.py``."""

import builtins
from collections.abc import Sequence
from typing import Any, Self

import numpy.typing as npt

from .devices import Place
from .layouts import memory_format
from .operations._options import Size
from .operations.division import Rounding
from .operations.exponents import MantissaAndExponent
from .operations.extrema import MinAndMax, ValuesAndIndices
from .operations.norms import Order
from .operations.reductions import DType
from .operations.sampling import Generator
from .operations.splitting import Parts
from .operations.statistics import Histogram
from .tensor import Axis, Number, Operand, Tensor, TensorLike

class Methods:
'''


class _Qualified(ast.NodeTransformer):
    """Qualifies names of types that are also names of methods."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("bool", "float", "int"):
            return ast.parse(f"builtins.{node.id}", mode="eval").body
        return node


def _definition(call):
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(call)))
    return _Qualified().visit(ast.parse(source).body[0])


def _without_out(call) -> bool:
    """Whether a function is not the one that handles `out`."""
    return "out" not in inspect.signature(call, follow_wrapped=False).parameters


def _constant(default: ast.expr | None) -> ast.expr | None:
    """A default value, or an ellipsis in place of a name."""
    return ast.Constant(...) if isinstance(default, ast.Name) else default


def _method(name: str, call, returns: str | None = None) -> str:
    if "out" in inspect.signature(call, follow_wrapped=False).parameters:
        call = inspect.unwrap(call, stop=_without_out)
    node = _definition(call)
    arguments = node.args
    returns = returns or ast.unparse(node.returns)
    if name.startswith("__") and len(arguments.args) > 1:  # Python calls it by position
        arguments.args = arguments.args[: len(arguments.args) - len(arguments.defaults)]
        arguments.defaults, arguments.kwonlyargs, arguments.kw_defaults = [], [], []
        if name in ("__eq__", "__ne__"):
            arguments.args[1].annotation = ast.Name("object")
    arguments.defaults = [_constant(default) for default in arguments.defaults]
    arguments.kw_defaults = [_constant(default) for default in arguments.kw_defaults]
    optional = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    arguments.kwonlyargs = [each for each, _ in optional if each.arg != "out"]
    arguments.kw_defaults = [default for each, default in optional if each.arg != "out"]
    first = arguments.args[0]
    first.arg, first.annotation = "self", None
    kinds = [p.kind for p in inspect.signature(call, follow_wrapped=False).parameters.values()]
    if inspect.Parameter.VAR_KEYWORD in kinds:  # other argument names are accepted too
        arguments.kwarg = ast.arg("names", ast.Name("Any"))
    line = f"    def {name}({ast.unparse(arguments)}) -> {returns}: ..."
    return line + ("  # type: ignore[override]" if name in ("__eq__", "__ne__") else "")


def _reflected(name: str, call) -> str:
    left = _definition(call).args.args[0]
    return f"    def {name}(self, other: {ast.unparse(left.annotation)}) -> Tensor: ..."


def stub() -> str:
    lines = {}
    for entry in registry.entries:
        for name in entry.methods:
            lines[name] = _method(name, entry.call)
        for name in entry.properties:
            returns = ast.unparse(_definition(entry.call).returns)
            lines[name] = f"    @property\n    def {name}(self) -> {returns}: ..."
        if entry.reflected:
            lines[entry.reflected] = _reflected(entry.reflected, entry.call)
        for name in (*entry.in_place, *entry.written):
            lines[name] = _method(name, entry.call, "Self")
    return HEAD + "\n".join(lines[name] for name in sorted(lines)) + "\n"


if __name__ == "__main__":
    PATH.write_text(stub(), encoding="utf-8")
