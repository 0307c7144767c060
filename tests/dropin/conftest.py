"""Numbers computed by the NumPy programs whose layers `cnet.dropin` replaces."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def facts(request: pytest.FixtureRequest) -> Any:
    """The numbers for the inputs of a test module: facts/op.json for test_op.py."""
    style = Path(request.module.__file__).stem.removeprefix("test_")
    return json.loads((Path(__file__).parent / "facts" / f"{style}.json").read_text())
