"""One spec per kernel, one file per family: `SPECS` holds all specs of this folder."""

import importlib
import pkgutil
from collections.abc import Iterator

from .spec import Spec


def _specs() -> Iterator[Spec]:
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        yield from (item for item in vars(module).values() if isinstance(item, Spec))


SPECS = {spec.function: spec for spec in _specs()}
