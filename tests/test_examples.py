"""The examples run and print something."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def test_there_are_examples():
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example(script, capsys):
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out
