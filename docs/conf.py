"""Configuration of Sphinx. ``make docs`` builds the pages in build/docs."""

import importlib
import inspect
import pkgutil
from importlib import metadata
from pathlib import Path

project = "cnet"
author = "The cnet developers"
release = metadata.version("cnet-nn")

extensions = ["myst_parser", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_title = f"cnet {release}"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = [
    "myst.xref_missing",  # links to files outside of docs/
    "ref.python",  # a short name such as `Tensor` in several modules
]
numpydoc_show_class_members = False
autosummary_generate = True
autosummary_imported_members = True

FAMILIES = {
    "operations": ("Functions of tensors", "cnet", "cnet.operations"),
    "functional": ("Functions of networks", "cnet.functional", "cnet.functional"),
    "nn": ("Modules", "cnet.nn", "cnet.nn"),
}
"""Pages with a section for each family: the title, the prefix of the names, and the package."""

PACKAGE = [
    "tensor", "autograd", "gradcheck", "graphs", "recording", "plan", "checking",
    "accelerate", "inspection", "checkpoint", "random", "generator", "dtypes", "devices", "runtime",
    "settings", "func", "onnx",
]  # fmt: skip
"""The modules on the page of the package: a section for each, with names of `cnet` where it can."""

MODULES = {
    "linalg": ("Linear algebra", ["cnet.linalg"]),
    "optim": ("Optimizers", ["cnet.optim", "cnet.optim.lr_scheduler", "cnet.optim.swa_utils"]),
    "data": ("Data", ["cnet.utils.data", "cnet.datasets", "cnet.transforms"]),
    "training": (
        "Training",
        ["cnet.training", "cnet.metrics", "cnet.plots", "cnet.models"],
    ),
    "other": (
        "Other parts of PyTorch",
        [
            "cnet.nn.utils.rnn",
            "cnet.utils.checkpoint",
            "cnet.ops",
            "cnet.hub",
            "cnet.amp",
            "cnet.jit",
            "cnet.distributed",
            "cnet.distributions",
            "cnet.multiprocessing",
        ],
    ),
    "arrays": ("Functions of arrays", ["cnet.kernels", "cnet.dropin.kernels"]),
}
"""Pages with a section for each module."""


def _title(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _summary(prefix: str, names) -> list[str]:
    listed = sorted(names, key=str.lower)
    return _table([f"{prefix}.{name}" for name in listed])


def _table(names: list[str]) -> list[str]:
    return [".. autosummary::", "   :toctree: api", "", *(f"   {name}" for name in names), ""]


def _heading(module) -> str:
    return inspect.getdoc(module).splitlines()[0].rstrip(".").replace("`", "")


def _families(package: str):
    """The modules of a package that list public names."""
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        hidden = any(part.startswith("_") for part in module.name.split("."))
        if not hidden and not module.ispkg and ".utils." not in module.name:
            family = importlib.import_module(module.name)
            if getattr(family, "__all__", ()):
                yield family


def _public(module) -> list[str]:
    """The functions and classes of a module that users call by its name."""
    listed = getattr(module, "__all__", None)
    names = listed or [n for n in dir(module) if not n.startswith("_")]
    origin = "cnet" if listed else module.__name__
    items = {name: getattr(module, name) for name in names}
    return [
        name
        for name, item in items.items()
        if ((inspect.isclass(item) and item.__name__ == name) or inspect.isfunction(item))
        and item.__module__.startswith(origin)
    ]


def _package() -> list[str]:
    """The page of the names in `cnet` that no other page has."""
    cnet = importlib.import_module("cnet")
    lines, listed = _title("The package", "="), set()
    for each in PACKAGE:
        module = importlib.import_module(f"cnet.{each}")
        names = []
        for name in _public(module):
            item = getattr(module, name)
            place = "cnet" if getattr(cnet, name, None) is item else module.__name__
            if item not in listed and (place == "cnet" or hasattr(module, "__all__")):
                names.append(f"{place}.{name}")
                listed.add(item)
        lines += _title(_heading(module), "-") + _table(names)
    return lines


def _write_pages(app, config) -> None:
    """Write the pages of the reference."""
    pages = {"package": _package()}
    for page, (title, prefix, package) in FAMILIES.items():
        pages[page] = _title(title, "=")
        for family in _families(package):
            place = importlib.import_module(prefix)
            names = [name for name in family.__all__ if hasattr(place, name)]
            if names:
                pages[page] += _title(_heading(family), "-") + _summary(prefix, names)
    for page, (title, modules) in MODULES.items():
        pages[page] = _title(title, "=")
        for name in modules:
            module = importlib.import_module(name)
            pages[page] += _title(_heading(module), "-") + _summary(name, _public(module))
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    for page, lines in pages.items():
        path, text = folder / f"{page}.rst", "\n".join(lines)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app) -> None:
    app.connect("config-inited", _write_pages)  # before autosummary looks for pages
