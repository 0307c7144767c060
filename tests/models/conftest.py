"""Fixtures for models without initial values."""

import sys

import pytest

import cnet.nn


@pytest.fixture
def without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the memory of random initial values as it is, so that large models take no time."""
    modules = [module for name, module in sys.modules.items() if name.startswith(cnet.nn.__name__)]
    for module in modules:
        for name in {"uniform_", "normal_", "trunc_normal_"} & vars(module).keys():
            monkeypatch.setattr(module, name, lambda tensor, *args, **kwargs: tensor)
