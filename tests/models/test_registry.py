"""Models by name, and the arguments of the functions that build them."""

import inspect
import sys
from typing import Any

import pytest

from cnet import models, nn


def test_list_models() -> None:
    names = models.list_models()
    assert names == sorted(names)
    assert {"resnet18", "vgg16_bn", "lenet5", "unet", "reference_cnn"} <= set(names)
    assert all(callable(getattr(models, name)) for name in names)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"include": "vgg1?"}, ["vgg11", "vgg13", "vgg16", "vgg19"]),
        ({"include": ["lenet*", "unet"]}, ["lenet5", "unet"]),
        ({"include": iter(["lenet*", "unet"])}, ["lenet5", "unet"]),
        ({"include": "vgg*", "exclude": ["*_bn", "vgg11"]}, ["vgg13", "vgg16", "vgg19"]),
        ({"include": "resnet", "exclude": "r*"}, []),
        ({"include": []}, []),
    ],
)
def test_list_models_by_pattern(options: dict[str, Any], names: list[str]) -> None:
    assert models.list_models(**options) == names


def test_list_models_by_module() -> None:
    squeezenet = sys.modules["cnet.models.squeezenet"]
    assert models.list_models(squeezenet) == ["squeezenet1_0", "squeezenet1_1"]
    assert models.list_models(models) == models.list_models()
    assert models.list_models(nn) == []


def test_get_model() -> None:
    model = models.get_model("LeNet5", num_classes=3)
    assert isinstance(model, models.LeNet5)
    assert model.classifier[-1].out_features == 3
    assert models.get_model_builder("lenet5") is models.lenet5


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"name must be in list_models\(\) \(got 'resnet19'") as e:
        models.get_model("resnet19")
    assert "resnet18" in str(e.value)
    with pytest.raises(ValueError, match="got 'qqq'"):
        models.get_model_builder("qqq")


def test_arguments_of_torchvision_are_accepted() -> None:
    models.lenet5(weights=None, progress=False)
    models.lenet5(pretrained=False)
    models.lenet5(pretrained=None)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("resnet18", "(*, weights=None, progress=True, **kwargs: Any) -> "),
        (
            "reference_cnn",
            "(image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, *, weights=None, "
            "progress=True) -> ",
        ),
    ],
)
def test_signature(name: str, signature: str) -> None:
    actual = str(inspect.signature(models.get_model_builder(name)))
    assert actual.replace("typing.", "").startswith(signature)


def test_positional_and_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="resnet18"):
        models.resnet18(None, True)
    with pytest.raises(TypeError, match="classes"):
        models.resnet18(classes=3)
