"""The examples in docstrings run, and every public name has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import cnet

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cnet.__path__, "cnet.")
    if not module.name.endswith(("__main__", "._core"))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize("name", sorted(cnet.__all__))
def test_public_functions_and_classes_have_an_example(name: str) -> None:
    item = getattr(cnet, name)
    if inspect.isfunction(item) or (inspect.isclass(item) and not issubclass(item, Exception)):
        assert ">>>" in inspect.getdoc(item)
