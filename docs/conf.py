"""Configuration of Sphinx. ``make docs`` builds the pages in build/docs."""

import importlib
import inspect
import pkgutil
from importlib.metadata import version
from pathlib import Path

project = "cnet"
author = "The cnet developers"
release = version("cnet-nn")

extensions = ["myst_parser", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_title = f"cnet {release}"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # links to files outside of docs/
numpydoc_show_class_members = False
autosummary_generate = True
autosummary_imported_members = True
default_role = "py:obj"

PAGES = {
    "operations": ("cnet", "Functions of tensors", "cnet.operations"),
    "functional": ("cnet.functional", "Functions of networks", "cnet.functional"),
    "nn": ("cnet.nn", "Modules", "cnet.nn"),
    "models": ("cnet.models", "Models", "cnet.models"),
}
"""Pages with a section for each family: the prefix of the names, the title and the package."""


def _families(package: str):
    """The modules of a package whose names are public, in alphabetical order."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        family = importlib.import_module(f"{package}.{module.name}")
        if getattr(family, "__all__", ()):
            yield family


def _summary(prefix: str, names) -> list[str]:
    return [".. autosummary::", "   :toctree: api", "", *(f"   {prefix}.{n}" for n in names), ""]


def _write_pages(app) -> None:
    """Write the pages of the reference from the `__all__` of the families."""
    folder = Path(app.srcdir) / "reference"
    for page, (prefix, title, package) in PAGES.items():
        lines = [title, "=" * len(title), ""]
        for family in _families(package):
            heading = inspect.getdoc(family).splitlines()[0].rstrip(".")
            names = sorted(family.__all__, key=str.lower)
            lines += [heading, "-" * len(heading), "", *_summary(prefix, names)]
        text = "\n".join(lines)
        path = folder / f"{page}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app) -> None:
    app.connect("builder-inited", _write_pages, priority=100)  # before autosummary reads them
