"""The vocabulary itself: every name is there, and the table in the documentation is current."""

import importlib

import pytest

import cnet
from parity import table, vocabulary


@pytest.mark.parametrize("part", [part for part in vocabulary.NAMES if part != "operations"])
def test_every_name_is_there(part):
    module = importlib.import_module(f"cnet.{part}")
    assert [name for name in vocabulary.present(part) if not hasattr(module, name)] == []


def test_every_operation_is_there():
    for name in vocabulary.present("operations", False):
        place = cnet
        for step in name.split(".")[:-1]:
            place = getattr(place, step)
        plain = name.rpartition(".")[2]
        assert hasattr(place, plain) or hasattr(cnet.Tensor, plain), name


@pytest.mark.skipif(not table.PAGE.exists(), reason="the documentation is not here")
def test_the_table_is_current():
    text = table.PAGE.read_text(encoding="utf-8")
    assert table.page(text) == text, "run python tests/parity/table.py"
