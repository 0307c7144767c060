"""The code of the tutorials runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    page
    for name in ("tutorials/*", "from-pytorch", "training", "capture")
    for page in DOCS.glob(f"{name}.md")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_runs(page, tmp_path):
    """All Python blocks of a page form one program."""
    text = page.read_text(encoding="utf-8")
    needed = [name for name in ("sklearn", "PIL", "matplotlib") if f"<!-- needs {name} -->" in text]
    for name in needed:
        pytest.importorskip(name)
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    assert code
    environment = os.environ | {"CNET_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
