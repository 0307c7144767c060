"""Writes ``@cnet.accelerate`` into the files of the user."""

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

from .._files import atomic_write
from ._targets import places


def write() -> list[Path]:
    """Write ``@cnet.accelerate`` above the classes that cnet has computed; the changed files."""
    lines: dict[str, set[int]] = {}
    for place in places:
        if place.watched.by_cnet:
            code = place.watched.original.__code__
            lines.setdefault(code.co_filename, set()).add(code.co_firstlineno)
    changed = []
    for name, numbers in lines.items():
        path = Path(name)
        data = path.read_bytes()
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        text = data.decode(encoding)
        new = decorated(text, numbers)
        if new != text:
            atomic_write(path, new.encode(encoding))
            changed.append(path)
    return changed


def decorated(text: str, numbers: set[int]) -> str:
    """A module with the decorator above the definitions that contain these lines."""
    tree = ast.parse(text)
    places = []
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.end_lineno is not None:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            own = [ast.unparse(decorator) for decorator in node.decorator_list]
            if "cnet.accelerate" not in own and numbers & {*range(first, node.end_lineno + 1)}:
                places.append(first)
    lines = io.StringIO(text, newline="").readlines()
    end = "\r\n" if "\r\n" in text else "\n"
    for place in sorted(places, reverse=True):
        lines.insert(place - 1, f"@cnet.accelerate{end}")
    if places and not _imports_cnet(tree):
        lines.insert(_first_line(tree) - 1, f"import cnet{end}")
    return "".join(lines)


def _imports_cnet(tree: ast.Module) -> bool:
    return any(
        alias.name == "cnet" and alias.asname is None
        for node in tree.body if isinstance(node, ast.Import)
        for alias in node.names
    )  # fmt: skip


def _first_line(tree: ast.Module) -> int:
    """The line of the first statement after the docstring and imports from ``__future__``."""
    for index, node in enumerate(tree.body):
        is_docstring = index == 0 and ast.get_docstring(tree) is not None
        if not is_docstring and getattr(node, "module", None) != "__future__":
            first: Any = node
            decorators = getattr(first, "decorator_list", [])
            return int(min([first.lineno, *(d.lineno for d in decorators)]))
    return 1
