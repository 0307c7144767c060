"""The table by which the C tests judge elementary functions."""

import pytest

pytest.importorskip("mpmath")

import exact_values


@pytest.mark.skipif(not exact_values.PATH.parent.exists(), reason="the C tests are not here")
def test_table_is_up_to_date() -> None:
    assert exact_values.PATH.read_text(encoding="utf-8") == exact_values.text(), (
        "write it with python tests/exact_values.py"
    )
