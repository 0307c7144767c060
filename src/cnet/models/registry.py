"""The table of models: how they register, and how they are found by name."""

import inspect
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import wraps
from types import ModuleType
from typing import Any, TypeVar

from .. import nn
from .weights import WeightsEnum, published

__all__ = [
    "get_model", "get_model_builder", "get_model_weights", "get_weight", "image_shape",
    "list_models",
]  # fmt: skip

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


def register_model(build: Callable[..., Model], **trained: Any) -> Callable[..., Model]:
    """Add a function that builds a model to the table, under its name.

    Parameters
    ----------
    build : callable
        A function that returns a model with initial weights.
    **trained
        Defaults of its keyword arguments for trained weights.

    Returns
    -------
    callable
        The function with two more keyword arguments: `weights`, a member of the class of its
        published weights, or the name of one, and `progress`, whether to show a progress bar if
        they are downloaded. The older ``pretrained=True``, or True as the first argument, means
        ``weights="IMAGENET1K_V1"``.

    Notes
    -----
    The class of the weights becomes a name of the module that defines the function.
    """
    name = build.__name__
    versions = published.get(name)

    @wraps(build)
    def builder(*args: Any, weights: Any = None, progress: bool = True, **kwargs: Any) -> Model:
        if args and versions is not None:
            weights, *args = args  # type: ignore[assignment]
        older = weights if isinstance(weights, bool) else kwargs.pop("pretrained", None)
        if isinstance(older, bool):
            weights = "IMAGENET1K_V1" if older else None
        if weights is None:
            return build(*args, **kwargs)
        if versions is None:
            raise ValueError(
                f"{name}: weights must be None, because none are published (got {weights!r})"
            )
        chosen = versions.verify(weights)
        if kwargs.setdefault("num_classes", 1000) != 1000:
            raise ValueError(
                f"{name}: num_classes must be 1000 with trained weights "
                f"(got {kwargs['num_classes']}); replace the last layer of the model"
            )
        model = build(*args, **trained | kwargs)
        state = chosen.get_state_dict(progress=progress, check_hash=True)
        # Auxiliary classifiers may be missing in the model.
        parts = dict(model.named_children())
        model.load_state_dict({k: v for k, v in state.items() if k.partition(".")[0] in parts})
        return model

    builder.__signature__ = _signature(build)  # type: ignore[attr-defined]
    _builders[name] = builder
    if versions is not None:
        module = sys.modules[build.__module__]
        versions.__module__ = module.__name__
        setattr(module, versions.__name__, versions)
        module.__all__.append(versions.__name__)
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


def get_model_weights(name: str | Callable[..., nn.Module]) -> type[WeightsEnum]:
    """The class of the published weights of a model.

    Parameters
    ----------
    name : str or callable
        A name in ``list_models()``, or the function of that name.

    Raises
    ------
    ValueError
        If there is no model of that name, or it has no published weights.

    Examples
    --------
    >>> from cnet import models
    >>> models.get_model_weights("resnet18").DEFAULT
    ResNet18_Weights.IMAGENET1K_V1
    """
    name = name.__name__ if callable(name) else name
    name = get_model_builder(name).__name__
    if name not in published:
        raise ValueError(f"get_model_weights: {name} has no published weights")
    return published[name]


def get_weight(name: str) -> WeightsEnum:
    """Published weights by their name.

    Parameters
    ----------
    name : str
        Such as ``"ResNet18_Weights.DEFAULT"``.

    Raises
    ------
    ValueError
        If there are no weights of that name.

    Examples
    --------
    >>> from cnet import models
    >>> models.get_weight("ResNet18_Weights.DEFAULT")
    ResNet18_Weights.IMAGENET1K_V1
    """
    model, _, version = name.partition(".")
    versions = published.get(model.removesuffix("_Weights").lower())
    if versions is None or versions.__name__ != model:
        raise ValueError(f"get_weight: name must be like 'ResNet18_Weights.DEFAULT' (got {name!r})")
    return versions.verify(version)


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
