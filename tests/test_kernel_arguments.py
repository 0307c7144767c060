"""The arguments of a kernel are stated only in the list, in its wrapper and in its reference."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import cnet
from cnet import _core, reference

ARGUMENTS = _core.kernels
"""The list, csrc/kernels.h."""

SOURCE = Path(cnet.__file__).parent
FILES = {
    file.relative_to(SOURCE).as_posix(): file
    for suffix in ("py", "pyi", "pyx", "pxd", "pxi")
    for file in sorted(SOURCE.rglob(f"*.{suffix}"))
}
PYTHON = [name for name in FILES if name.endswith(".py")]


def test_the_reference_takes_what_the_list_says() -> None:
    stated = {
        name: tuple(inspect.signature(getattr(reference, name)).parameters)
        for name in reference.__all__
    }
    assert stated == ARGUMENTS


@cache
def _tree(file: str) -> ast.AST:
    return ast.parse(FILES[file].read_bytes())


def _dispatched(tree: ast.AST) -> Iterator[str]:
    """Kernels that are called: the first argument of each `call(...)` and `call_each(...)`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("call", "call_each")
        ):
            assert isinstance(node.args[0], ast.Constant), ast.unparse(node)
            yield node.args[0].value


OF_PLANS = {
    "block", "blocked_conv2d", "blocked_pool2d", "copy", "dequantize",
    "bfloat16_conv2d", "bfloat16_max_pool2d", "from_bfloat16", "prepare_bfloat16_conv2d",
    "prepare_blocked_conv2d", "prepare_conv2d", "prepare_linear", "prepare_quantized_conv2d",
    "prepared_conv2d", "prepared_linear", "quantize", "quantized_conv2d", "quantized_max_pool2d",
    "to_bfloat16", "unblock",
}  # fmt: skip
"""Kernels that only plans call."""

TRANSPOSED = {
    (kernel, "kernels/transposed.py") for kernel in ("conv2d", "conv2d_backward", "arithmetic")
}
"""Transposed convolutions have no kernels of their own."""


def test_wrapper_and_reference_are_in_files_of_one_name() -> None:
    """A kernel is called in kernels/<family>.py, and has a function in reference/<family>.py."""
    wrappers = [file for file in PYTHON if file.startswith("kernels/")]
    calls = {(kernel, file) for file in wrappers for kernel in _dispatched(_tree(file))}
    families = {
        name: Path(inspect.getfile(getattr(reference, name))).name for name in reference.__all__
    }
    assert calls - TRANSPOSED == {
        (name, f"kernels/{family}") for name, family in families.items() if name not in OF_PLANS
    }


# A function whose parameters are all the arguments of a kernel states them. Two or three (relu: x,
# y) would be among the parameters of many functions for other reasons.
STATED = {name: set(arguments) for name, arguments in ARGUMENTS.items() if len(arguments) > 3}

HEAD = re.compile(r"^\s*(?:cp?def|def)\s[^\n(]*\(((?:[^()]|\([^()]*\))*)\)", re.MULTILINE)
"""A function in Python or Cython with its parameters; defaults may have parentheses."""


def _statements(text: str) -> set[str]:
    heads = [set(re.findall(r"\w+", head)) for head in HEAD.findall(text)]
    return {name for name, words in STATED.items() if any(words <= head for head in heads)}


def _stated(names: list[str]) -> dict[str, set[str]]:
    found = {name: _statements(FILES[name].read_text()) for name in names}
    return {name: kernels for name, kernels in found.items() if kernels}


def test_no_module_states_the_arguments_again() -> None:
    """Wrappers have the parameters of the user, and pass on what they allocate and compute."""
    assert _stated([name for name in PYTHON if not name.startswith("reference/")]) == {
        "kernels/optim.py": {"sgd_step", "adam_step"},  # nothing is allocated
    }


def test_the_boundary_does_not_state_them() -> None:
    assert _stated([name for name in FILES if name.startswith("_core")]) == {}


def test_only_the_dispatch_calls_the_compiled_module_for_a_kernel() -> None:
    calling = {
        name
        for name in PYTHON
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "_core" and node.attr in ARGUMENTS
    }
    assert calling == {"kernels/plain.py"}  # calls that also check and allocate


CONV2D = {"conv2d", "conv2d_nhwc", "prepare_blocked_conv2d"}
"""The arguments of the first contain those of the others."""


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("def f(x, weight, bias, y, g, algorithm): ...", CONV2D),
        ("    def f(\n        x: A, weight, y=(1, 2), *, bias, g,\n algorithm): ...", CONV2D),
        ("f(x, weight, bias, y, g, algorithm)", set()),
        ("def f(x, weight):\n    return bias, y, g, algorithm", set()),
        ("cdef f(ndarray x, ndarray y, ndarray codes, geometry g):", {"relu_pool"}),
    ],
)
def test_statements_are_seen(text: str, stated: set[str]) -> None:
    assert _statements(text) == stated


def test_references_state_them() -> None:
    found = _stated([name for name in PYTHON if name.startswith("reference/")])
    assert set().union(*found.values()) == set(STATED)
