"""The package as a whole: the cost and effects of its import, and the public names."""

import ast
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import cnet

SOURCE = Path(cnet.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def _fresh(code: str, *flags: str) -> Any:
    """The JSON output of code in a new interpreter, which keeps byte code in any case."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.run(
        [sys.executable, *flags, "-c", code], env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


# ---- Import --------------------------------------------------------------------------------------


def test_import_is_quick() -> None:
    """The goal is 40 ms after NumPy. More than three times that and than NumPy's own time fails.

    Measures processor time, which depends less on other work of the machine; only of this thread,
    because threads of NumPy may still spin while they wait for work.
    """
    code = """if True:
        import json, time
        times = [time.thread_time()]
        import numpy
        times.append(time.thread_time())
        import cnet
        times.append(time.thread_time())
        print(json.dumps([times[1] - times[0], times[2] - times[1]]))
    """
    numpy, ours = (min(times) for times in zip(*(_fresh(code) for _ in range(7)), strict=True))
    assert ours < max(0.120, numpy)


@cache
def _modules_after_import() -> set[str]:
    return set(_fresh("import cnet, json, sys; print(json.dumps(list(sys.modules)))"))


@pytest.mark.parametrize(
    "name",
    [
        "sklearn", "matplotlib", "tqdm", "safetensors", "torch", "urllib.request", "http", "ssl",
        "socket", "multiprocessing", "cnet.accelerate", "cnet.bench", "cnet.checking",
        "cnet.checkpoint", "cnet.cli", "cnet.datasets", "cnet.models",
        "cnet.inspection", "cnet.metrics", "cnet.nn", "cnet.optim", "cnet.plan", "cnet.plots",
        "cnet.training", "cnet.transforms", "cnet.utils",
    ],
)  # fmt: skip
def test_import_leaves_alone(name: str) -> None:
    assert name not in _modules_after_import()


def _rebuilt_at_import() -> bool:
    """Whether this is an editable install, which checks its build folder at import."""
    origin = distribution("cnet-nn").read_text("direct_url.json")
    return bool(origin and json.loads(origin).get("dir_info", {}).get("editable"))


@pytest.mark.skipif(_rebuilt_at_import(), reason="an editable install builds at import")
def test_import_writes_and_connects_nowhere() -> None:
    """With -B, the interpreter writes no caches, so that every file opened for writing counts."""
    code = """if True:
        import json, os, sys
        import numpy
        events = []
        deeds = "os.", "socket.", "subprocess.", "shutil.", "tempfile.", "urllib.", "http."
        looks = "os.listdir", "os.scandir"
        def watch(event, arguments):
            writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes or (event.startswith(deeds) and event not in looks):
                events.append(f"{event}{arguments}")
        sys.addaudithook(watch)
        import cnet
        imported = list(events)
        open(os.devnull, "w").close()
        assert len(events) == len(imported) + 1
        print(json.dumps(imported))
    """
    assert _fresh(code, "-B") == []


def test_subnormals_survive() -> None:
    """No thread flushes them to zero, neither of Python nor of the kernels.

    Repeated, so that each thread of the kernels takes part.
    """
    code = """if True:
        import json, threading
        import cnet
        import numpy as np
        tiny = np.float32(1e-40)
        grad = np.full(1 << 20, tiny)
        kept = []
        def halve():
            kept.append(bool(tiny * np.float32(0.5) > 0))
        halve()
        for isa in cnet.available_isas()[1:]:
            for _ in range(20):
                param = np.zeros_like(grad)
                with cnet.use_isa(isa), cnet.use_threads(4):
                    cnet.kernels.sgd_step(param, grad, lr=0.5)
                kept.append(bool((param < 0).all()))
        halve()
        thread = threading.Thread(target=halve)
        thread.start()
        thread.join()
        print(json.dumps(kept))
    """
    assert all(_fresh(code))


# ---- Forbidden code ------------------------------------------------------------------------------

UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve"}
TEMPLATES = {"autograd/calls.py": 1}
"""Files that execute source text of their own, as `dataclasses` does, and how often."""


def _unsafe(tree: ast.AST) -> Iterator[int]:
    """Lines that could execute code from a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules = {(node.module or "").split(".")[0]}
        else:
            modules = set()
        if modules & UNSAFE_MODULES:
            yield node.lineno
        if isinstance(node, ast.Name) and node.id in ("eval", "exec", "__import__"):
            yield node.lineno
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            denied = isinstance(node.value, ast.Constant) and node.value.value is False
            if not denied:
                yield node.lineno


def test_nothing_runs_code_from_files() -> None:
    found = {
        str(file.relative_to(SOURCE)): len(list(_unsafe(ast.parse(file.read_bytes()))))
        for file in FILES
    }
    assert {file: count for file, count in found.items() if count} == TEMPLATES


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from pickle import load", "import os, marshal", "eval('1')",
        "run = exec", "np.load(f, allow_pickle=True)", "np.load(f, allow_pickle=flag)",
    ],
)  # fmt: skip
def test_unsafe_code_is_seen(code: str) -> None:
    assert list(_unsafe(ast.parse(code))) == [1]


def test_safe_code_is_not() -> None:
    assert list(_unsafe(ast.parse("model.eval(); np.load(f, allow_pickle=False)"))) == []


# ---- The public list -----------------------------------------------------------------------------


def test_lazy_names_are_declared_for_type_checkers() -> None:
    declared = {
        alias.name
        for statement in ast.parse(inspect.getsource(cnet)).body
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        for line in statement.body
        for alias in line.names
    }
    lazy = {*cnet._LAZY_MODULES, *cnet._LAZY}
    assert declared == lazy
    assert lazy <= set(dir(cnet))
    for name in lazy:
        assert getattr(cnet, name) is not None
