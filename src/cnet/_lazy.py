"""Parts of a package that are imported when they are used, so that its own import stays short."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType
from typing import Any

# ---- Names ---------------------------------------------------------------------------------------


def attributes(
    package: str, modules: Collection[str], names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        The name of the package.
    modules : collection of str
        Its submodules that are imported when they are used.
    names : mapping of str to str
        Names of functions and classes, each with its submodule.
    """

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name in names:
            value = getattr(import_module(f"{package}.{names[name]}"), name)
            setattr(sys.modules[package], name, value)
            return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        complete(package)
        return sorted({*vars(sys.modules[package]), *modules, *names})

    return get, listed


# ---- Everything that an import makes at once -----------------------------------------------------


def runs(module: str) -> bool:
    """Whether the interpreter is about to run a module with ``-m``, and imports its packages."""
    given = sys.orig_argv
    return sys.argv[:1] == ["-m"] and given[given.index("-m") + 1] == module


class _Postponed:
    """Completes a package before a submodule is imported; both its finder and its loader."""

    def __init__(self, package: str, public: str, free: Collection[str]) -> None:
        self.package, self.public, self.free = package, f"{package}.{public}", free
        self.thread = 0
        """The thread that completes the package."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != self.package or name.partition(".")[0] in self.free or not complete(package):
            return None
        module = sys.modules.get(fullname)
        if module is None:
            return None
        self.spec = module.__spec__
        module.__spec__ = ModuleSpec(fullname, self)  # type: ignore[arg-type]
        return module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The submodule itself, which the package has just imported."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class _Package(ModuleType):
    """A package whose names stay when submodules with the same names are imported later."""

    def __setattr__(self, name: str, value: Any) -> None:
        is_submodule = value is sys.modules.get(f"{self.__name__}.{name}")
        if not is_submodule or name not in vars(self):
            super().__setattr__(name, value)


_postponed: dict[str, _Postponed] = {}


def postpone(package: str, public: str, free: Collection[str]) -> None:
    """Import the names of a package later: when one of them or a submodule is used.

    Parameters
    ----------
    package : str
        The name of the package.
    public : str
        The submodule that holds the names.
    free : collection of str
        Submodules that do not need them.
    """
    one = _postponed[package] = _Postponed(package, public, free)
    sys.meta_path.insert(0, one)
    sys.modules[package].__class__ = _Package


def complete(package: str, name: str = "") -> bool:
    """Import the names of a package if that was postponed, and `name` is no free submodule.

    Returns
    -------
    bool
        Whether that was done.
    """
    one = _postponed.get(package)
    if one is None or one.thread == get_ident() or name in one.free:
        return False
    one.thread = one.thread or get_ident()
    names = vars(import_module(one.public))  # other threads wait here
    own = vars(sys.modules[package])
    own.update({name: value for name, value in names.items() if not name.startswith("_")})
    if _postponed.pop(package, None) is one:
        sys.meta_path.remove(one)
    return True
