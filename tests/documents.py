"""The documents that the styles come from, where they stand beside the project."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

BESIDE = Path(__file__).parents[2] / "shared"
SEEDS = Path(os.environ.get("CNET_SEEDS") or BESIDE / "seeds")
MNIST = Path(os.environ.get("CNET_DATA") or BESIDE / "data" / "mnist")


def load(number: int) -> ModuleType:
    """A document with its smallest repairs, as a module; skips where there is none."""
    if not (SEEDS / "fixes.py").exists():
        pytest.skip("the documents of the styles are not there")
    if number == 4:
        pytest.importorskip("matplotlib", reason="the document plots")
    spec = importlib.util.spec_from_file_location("fixes", SEEDS / "fixes.py")
    assert spec is not None
    assert spec.loader is not None
    fixes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fixes)
    return fixes.load(number)
