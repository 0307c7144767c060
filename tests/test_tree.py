"""Rules for the whole tree: imports, sizes, language, links."""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

import cnet

PACKAGE = Path(cnet.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))

SUFFIXES = {
    ".c", ".h", ".md", ".py", ".pxd", ".pxi", ".pyi", ".pyx", ".toml", ".txt", ".cmake", ".yml",
}  # fmt: skip


def _files(*places: str) -> list[Path]:
    """Source and text files in those places that exist: an installed wheel lacks some."""
    found = []
    for place in (ROOT / name for name in places):
        found += [place] if place.is_file() else sorted(place.rglob("*"))
    return [path for path in found if path.is_file() and path.suffix in SUFFIXES]


# ---- Imports -------------------------------------------------------------------------------------

DIRECTIONS = {
    "_core": "",
    "_check": "_core",
    "runtime": "_core",
    "reference": "",
    "kernels": "_check _core reference runtime",
    "autograd": "",
    "construction": "autograd",
    "numpy_protocol": "autograd",
    "tensor": "autograd construction numpy_protocol",
    "autograd.functional": "autograd tensor",
    "graphs": "autograd tensor",
    "gradcheck": "autograd construction tensor",
    "operations": "autograd construction kernels numpy_protocol tensor",
    "legacy": "construction tensor",
    "types": "tensor",
    "special": "functional operations",
    "testing": "tensor",
    "linalg": "autograd operations tensor",
    "functional": "_check autograd kernels operations tensor",
    "native": "functional tensor",
    "nn": "autograd functional linalg operations tensor",
    "func": "nn",
    "jit": "nn",
    "inspection": "autograd nn operations tensor",
    "optim": "autograd graphs kernels tensor",
    "optim.swa_utils": "autograd nn optim tensor",
    "models": "functional models.weights nn operations tensor",
    "models.weights": "hub transforms",
    "ops": "functional models nn operations tensor",
    "utils": "runtime tensor",
    "utils.checkpoint": "autograd tensor",
    "utils.model_zoo": "hub",
    "datasets": "tensor utils",
    "transforms": "nn tensor",
    "io": "tensor transforms",
    "checkpoint": "nn tensor",
    "hub": "checkpoint datasets",
    "serialization": "checkpoint",
    "plots": "autograd inspection nn tensor",
    "dropin": "_check kernels",
    "accelerate": "dropin kernels",
    "checking": "accelerate dropin kernels",
    "plan": "_check _core autograd functional kernels nn operations reference runtime tensor",
    "recording": "_core autograd kernels runtime tensor",
    "onnx": "autograd functional nn plan tensor",
    "distributed": "autograd nn optim tensor",
    "distributions": "functional operations tensor",
    "metrics": "",
    "training": "autograd checkpoint functional inspection metrics nn operations optim recording "
    "optim.swa_utils tensor utils",
    "bench": "_commands autograd functional kernels models optim plan recording runtime tensor",
    "_commands": "datasets models runtime utils",
    "experiment": "_commands graphs models optim plots tensor training utils",
    "cli": "*",
    "__main__": "cli",
    "__init__": "*",
    "_public": "*",
}
"""The parts of the package, modules or folders, and the listed parts that each may import; ``*``
means all of them.

A module that a folder imports only when it is used may be a part of its own.
Some do not exist yet. A part that is not listed is basic: every part may import it, and it may
import only other basic parts.
"""

FOREIGN = {
    "checkpoint": {"safetensors"},
    "cli": {"PIL"},
    "datasets": {"PIL", "sklearn", "tqdm"},
    "experiment": {"scipy", "tqdm"},
    "io": {"PIL"},
    "metrics": {"sklearn"},
    "onnx": {"onnx"},
    "plots": {"matplotlib"},
    "training": {"tqdm"},
    "transforms": {"PIL"},
    "utils": {"PIL", "tensorboardX"},
}
"""Imports beyond NumPy and the standard library."""


def _part_of(names: Sequence[str]) -> str:
    """The most specific listed part that contains a module."""
    longer = (".".join(names[:count]) for count in range(len(names), 1, -1))
    return next((part for part in longer if part in DIRECTIONS), names[0])


def _part(path: Path) -> str:
    return _part_of(path.relative_to(PACKAGE).with_suffix("").parts)


def _for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@cache
def _imports(path: Path) -> frozenset[str]:
    """Absolute names of everything that a file imports when it runs, anywhere in it."""
    package = ["cnet", *path.relative_to(PACKAGE).parts[:-1]]
    tree = ast.parse(path.read_bytes())
    tree.body = [node for node in tree.body if not _for_type_checkers(node)]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _own_imports() -> dict[str, set[str]]:
    """For each part, the parts that it imports."""
    parts: dict[str, set[str]] = {_part(path): set() for path in MODULES}
    for path in MODULES:
        names = (name.split(".") for name in _imports(path))
        parts[_part(path)] |= {
            _part_of(name[1:]) for name in names if name[0] == "cnet" and name[1:]
        }
    return {part: imported - {part} for part, imported in parts.items()}


@pytest.mark.parametrize(("part", "imported"), _own_imports().items())
def test_imports_point_downwards(part: str, imported: set[str]) -> None:
    allowed = set(DIRECTIONS.get(part, "").split())
    assert "*" in allowed or imported & DIRECTIONS.keys() <= allowed


def test_imports_have_no_circle() -> None:
    parts = _own_imports()
    while parts:
        free = {part for part, imported in parts.items() if not imported & parts.keys()}
        assert free, f"a circle among {', '.join(parts)}"
        parts = {part: imported for part, imported in parts.items() if part not in free}


def test_only_the_boundary_knows_the_compiled_module() -> None:
    knows = {part for part, imported in _own_imports().items() if "_core" in imported}
    assert knows == {"_check", "kernels", "plan", "recording", "runtime"}


def test_foreign_imports_are_few() -> None:
    found = {}
    for path in MODULES:
        foreign = {name.split(".")[0] for name in _imports(path)} - {"cnet"}
        allowed = sys.stdlib_module_names | {"numpy"} | FOREIGN.get(_part(path), set())
        found[str(path.relative_to(PACKAGE))] = foreign - allowed
    assert {path: foreign for path, foreign in found.items() if foreign} == {}


# ---- Sizes ---------------------------------------------------------------------------------------

LONGEST_FUNCTION = 60
LONGEST_FILE = 500

LONG_FILES: dict[str, str] = {}
"""Exceptions, with their reasons."""

LONG_FUNCTIONS: dict[str, str] = {}
"""Exceptions, ``"<file>:<function>"`` with their reasons."""


def _python_functions(text: str) -> Iterator[tuple[str, int]]:
    """Names of all functions, and their numbers of lines without docstrings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                docstring = node.body[0]
                assert docstring.end_lineno is not None
                lines -= docstring.end_lineno - docstring.lineno + 1
            yield node.name, lines


def _c_functions(text: str) -> Iterator[tuple[str, int]]:
    """Names and numbers of lines of all functions and macros in the project's C style.

    A function begins in the first column and ends with a brace there.
    """
    start, signature = 0, ""
    macro, macro_start = "", 0
    for number, line in enumerate(text.splitlines()):
        if macro or line.startswith("#define"):
            if not macro:
                macro, macro_start = line.split("(")[0].split()[1], number
            if not line.endswith("\\"):
                yield macro, number - macro_start + 1
                macro = ""
        elif line.startswith("}"):
            if name := re.search(r"(\w+)\(", signature):
                yield name[1], number - start + 1
            signature = ""
        elif re.match(r"\w", line) and not signature:
            start, signature = number, line
        if signature.endswith(";"):
            signature = ""


def _cython_functions(text: str) -> Iterator[tuple[str, int]]:
    """Names and numbers of lines of all functions, from their indentation."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        found = re.match(r"( *)(?:def|cdef|cpdef)\b[^=(]*?(\w+)\(", line)
        if not found:
            continue
        inside = (f"{found[1]} ", f"{found[1]})")
        length = 1
        for after, other in enumerate(lines[number + 1 :], start=2):
            if other.startswith(inside):
                length = after
            elif other.strip():
                break
        yield found[2], length


FUNCTIONS = {
    ".py": _python_functions, ".pyx": _cython_functions, ".pxi": _cython_functions,
    ".c": _c_functions, ".h": _c_functions,
}  # fmt: skip


def _long_functions(path: Path) -> list[str]:
    functions = FUNCTIONS[path.suffix](path.read_text(encoding="utf-8"))
    return [f"{name}: {lines} lines" for name, lines in functions if lines > LONGEST_FUNCTION]


SOURCES = [path for path in _files("src", "csrc") if path.suffix in FUNCTIONS]


def test_files_are_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCES
    }
    longer = {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE}
    assert longer.keys() <= LONG_FILES.keys(), longer


def test_functions_are_short() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{function}"
        for path in SOURCES
        for function in _long_functions(path)
    ]
    assert [one for one in found if one.rpartition(":")[0] not in LONG_FUNCTIONS] == []


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".py", "def f(x):\n" + "    x += 1\n" * 60),
        (".py", "class A:\n    def f(self):\n" + "        self.x += 1\n" * 60),
        (".pyx", "cdef int f(int x) except -1:\n" + "    x += 1\n" * 60),
        (".c", "static void f(int x,\n              int y) {\n" + "    x++;\n" * 58 + "}\n"),
        (".h", "#define f(x) \\\n" + "    x++; \\\n" * 59 + "    x--;\n"),
    ],
)
def test_a_long_function_is_found(suffix: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"long{suffix}"
    path.write_text(text)
    assert _long_functions(path) == ["f: 61 lines"]
    lines = text.splitlines(keepends=True)
    path.write_text("".join(lines[:-3] + lines[-2:]))
    assert _long_functions(path) == []


def test_docstrings_and_declarations_are_not_lengths(tmp_path: Path) -> None:
    path = tmp_path / "short.py"
    path.write_text('def f():\n    """\n' + "    text\n" * 80 + '    """\n    return 1\n')
    assert _long_functions(path) == []
    path = tmp_path / "short.h"
    path.write_text("int f(int x);\n" * 80 + "struct s {\n" + "    int x;\n" * 80 + "};\n")
    assert _long_functions(path) == []


# ---- Language ------------------------------------------------------------------------------------

AVOIDED = (
    "shall", "somebody", "whoever", "belongs into", "goes through again", "gone through again",
    "of what is", "lets go of", "thereof", "wherein", "likewise", "way back", "there and back",
    "of one's own", "looks into", "nobody", "anew", "afresh", "the very",
)  # fmt: skip
"""Words and phrases that are not plain English; see "Rules" in CONTRIBUTING.md."""

PLAIN = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CMakeLists.txt", "Makefile", "pyproject.toml",
    "cmake", ".github", "docs", "bench", "examples", "src", "csrc", "tests",
)  # fmt: skip
"""Places that must not contain them, except in this file."""


def _avoided(path: Path) -> list[str]:
    """The avoided words in a file, also if they are split between lines of a comment."""
    text = re.sub(r"\n\s*(?://|#|\*)*\s*", " ", path.read_text(encoding="utf-8"))
    words = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in AVOIDED)
    return [match.lower() for match in re.findall(rf"\b(?:{words})\b", text, re.IGNORECASE)]


def test_language_is_plain() -> None:
    files = [path for path in _files(*PLAIN) if path.name != Path(__file__).name]
    found = {str(path.relative_to(ROOT)): _avoided(path) for path in files}
    assert {path: words for path, words in found.items() if words} == {}


def test_avoided_words_are_found(tmp_path: Path) -> None:
    path = tmp_path / "words.c"
    path.write_text("/* It Shall\n * run on the way\n * back. Marshall is a name. */\n")
    assert _avoided(path) == ["shall", "way back"]


# ---- Documents -----------------------------------------------------------------------------------

DOCUMENTS = [path for path in _files("README.md", "CONTRIBUTING.md", "docs", "bench")
             if path.suffix == ".md"]  # fmt: skip


@pytest.mark.skipif(not (ROOT / "csrc").exists(), reason="the rest of the tree is not here")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    own = [target for target in targets if "://" not in target]
    assert [target for target in own if not (path.parent / target).exists()] == []
