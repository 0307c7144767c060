"""The sources of `cnet.models` executed with PyTorch in the place of cnet."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cnet

PACKAGE = "torch_in_the_place_of_cnet"


@cache
def models_on_torch() -> ModuleType:
    """`cnet.models` with layers, functions and tensors of PyTorch.

    The models import ``..nn``, ``..functional``, ``..operations`` and ``..tensor``; these names are
    modules of PyTorch in a package of another name. What does not compute is that of cnet.
    """
    import torch

    parent = ModuleType(PACKAGE)
    parent.__path__ = []
    sys.modules[PACKAGE] = parent
    for name, module in {
        "nn": torch.nn,
        "functional": torch.nn.functional,
        "operations": torch,
        "tensor": SimpleNamespace(Tensor=torch.Tensor),
        "_explained": SimpleNamespace(explained=lambda function: function),
        "hub": cnet.hub,
        "transforms": cnet.transforms,
        "transforms._presets": cnet.transforms._presets,
    }.items():
        setattr(parent, name, module)
        sys.modules[f"{PACKAGE}.{name}"] = module
    folder = Path(cnet.__file__).parent / "models"
    spec = importlib.util.spec_from_file_location(
        f"{PACKAGE}.models", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = models
    spec.loader.exec_module(models)
    return models
