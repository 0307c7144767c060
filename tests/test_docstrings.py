"""The examples in docstrings run, and every public name has one."""

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

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


def _public() -> dict[str, object]:
    """The functions and classes of `cnet` that users call by the names of these modules."""
    found = {}
    for module in (cnet, cnet.functional, cnet.nn, cnet.optim):
        for name in dir(module):
            item = getattr(module, name)
            ours = getattr(item, "__module__", "").startswith("cnet")
            if ours and not name.startswith("_") and not isinstance(item, ModuleType):
                found[f"{module.__name__}.{name}"] = item
    return found


@pytest.mark.parametrize(("name", "item"), _public().items())
def test_public_functions_and_classes_have_an_example(name: str, item: object) -> None:
    documentation = inspect.getdoc(item)
    assert documentation
    if name.endswith("_"):
        return  # in place, otherwise like the function without the underscore
    if inspect.isfunction(item) or (inspect.isclass(item) and not issubclass(item, Exception)):
        assert ">>>" in documentation
