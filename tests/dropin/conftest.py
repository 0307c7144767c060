"""What the written-out programs compute from which the styles of `cnet.dropin` come."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def facts(request: pytest.FixtureRequest) -> Any:
    """Their numbers for the inputs of a test module: those of test_op.py stand in facts/op.json."""
    style = Path(request.module.__file__).stem.removeprefix("test_")
    return json.loads((Path(__file__).parent / "facts" / f"{style}.json").read_text())
