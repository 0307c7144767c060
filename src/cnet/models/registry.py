"""The table of models: how they register, and how they are found by name."""

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import wraps
from types import ModuleType
from typing import Any, TypeVar

from .. import nn

__all__ = ["get_model", "get_model_builder", "image_shape", "list_models"]

Model = TypeVar("Model", bound=nn.Module)

_GRAY, _CIFAR, _USUAL = (1, 28, 28), (3, 32, 32), (3, 224, 224)
_IMAGES = {
    "lenet5": _GRAY,
    "reference_cnn": _GRAY,
    "small_cnn": _GRAY,
    "unet": (1, 128, 128),
    "inception_v3": (3, 299, 299),
}

_builders: dict[str, Callable[..., nn.Module]] = {}


def register_model(build: Callable[..., Model]) -> Callable[..., Model]:
    """Add a function that builds a model to the table, under its name.

    Parameters
    ----------
    build : callable
        A function that returns a model with initial weights.

    Returns
    -------
    callable
        The function with two more keyword arguments. `weights` must be None, because trained
        weights are loaded from files; so must the older ``pretrained`` be False. `progress` has no
        effect.
    """
    name = build.__name__

    @wraps(build)
    def builder(*args: Any, weights: Any = None, progress: bool = True, **kwargs: Any) -> Model:
        for argument, value in ("weights", weights), ("pretrained", kwargs.pop("pretrained", None)):
            if value is not None and value is not False:
                raise ValueError(
                    f"{name}: {argument} must be None (got {value!r}); to load trained weights "
                    f'from a file, call model.load_state_dict(cnet.load("{name}.pth"))'
                )
        return build(*args, **kwargs)

    builder.__signature__ = _signature(build)  # type: ignore[attr-defined]
    _builders[name] = builder
    return builder


def _signature(build: Callable[..., Any]) -> inspect.Signature:
    """The signature of `build` with `weights` and `progress`."""
    signature = inspect.signature(build)
    own = list(signature.parameters.values())
    last = own.pop() if own and own[-1].kind is inspect.Parameter.VAR_KEYWORD else None
    keyword = inspect.Parameter.KEYWORD_ONLY
    own.append(inspect.Parameter("weights", keyword, default=None))
    own.append(inspect.Parameter("progress", keyword, default=True))
    return signature.replace(parameters=[*own, *filter(None, [last])])


def list_models(
    module: ModuleType | None = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> list[str]:
    """The names of all models, sorted.

    Parameters
    ----------
    module : module, optional
        Only models that this module or a direct submodule defines, such as `cnet.models.resnet`.
    include : str or iterable of str, optional
        Only names that match one of these patterns, which may contain ``*`` and ``?``.
    exclude : str or iterable of str, optional
        No names that match one of these patterns.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from cnet import models
    >>> models.list_models(include="resnet*", exclude=["*101", "*152"])
    ['resnet18', 'resnet34', 'resnet50']
    """

    def matches(name: str, patterns: str | Iterable[str]) -> bool:
        patterns = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    def defined_in(builder: Callable[..., nn.Module], module: ModuleType) -> bool:
        return module.__name__ in (builder.__module__, builder.__module__.rpartition(".")[0])

    include, exclude = (
        patterns if patterns is None or isinstance(patterns, str) else list(patterns)
        for patterns in (include, exclude)
    )
    return sorted(
        name
        for name, builder in _builders.items()
        if (module is None or defined_in(builder, module))
        and (include is None or matches(name, include))
        and (exclude is None or not matches(name, exclude))
    )


def get_model_builder(name: str) -> Callable[..., nn.Module]:
    """The function that builds a model.

    Parameters
    ----------
    name : str
        A name in ``list_models()``; upper and lower case are the same.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If there is no model of that name.

    Examples
    --------
    >>> from cnet import models
    >>> models.get_model_builder("resnet18") is models.resnet18
    True
    """
    builder = _builders.get(name.lower())
    if builder is None:
        close = get_close_matches(name.lower(), _builders)
        hint = f"; similar names: {', '.join(close)}" if close else ""
        raise ValueError(f"get_model: name must be in list_models() (got {name!r}{hint})")
    return builder


def get_model(name: str, **config: Any) -> nn.Module:
    """Build a model by its name.

    Parameters
    ----------
    name : str
        A name in ``list_models()``; upper and lower case are the same.
    **config
        Keyword arguments of the function of that name.

    Returns
    -------
    Module

    Raises
    ------
    ValueError
        If there is no model of that name.

    Examples
    --------
    >>> from cnet import models
    >>> models.get_model("squeezenet1_1", num_classes=10).num_classes
    10
    """
    return get_model_builder(name)(**config)


def image_shape(name: str) -> tuple[int, int, int]:
    """Channels, height and width of the images that a model is usually used for.

    Parameters
    ----------
    name : str
        A name in ``list_models()``; upper and lower case are the same.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If there is no model of that name.

    Examples
    --------
    >>> from cnet import models
    >>> models.image_shape("resnet18")
    (3, 224, 224)
    """
    name = get_model_builder(name).__name__
    return _IMAGES.get(name, _CIFAR if name.startswith("cifar_") else _USUAL)
