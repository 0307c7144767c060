"""The reference CNN."""

import numpy as np
import pytest

import cnet.nn as nn
from cnet.models import reference_cnn


def test_the_layers_are_those_that_are_promised():
    model = reference_cnn()
    assert [type(layer) for layer in model] == [
        *(nn.Conv2d, nn.ReLU, nn.MaxPool2d),
        *(nn.Conv2d, nn.ReLU, nn.MaxPool2d),
        *(nn.Flatten, nn.Linear, nn.ReLU, nn.Linear),
    ]
    assert {name: array.shape for name, array in model.state_dict().items()} == {
        "0.weight": (8, 1, 5, 5),
        "0.bias": (8,),
        "3.weight": (16, 8, 3, 3),
        "3.bias": (16,),
        "7.weight": (128, 16 * 7 * 7),
        "7.bias": (128,),
        "9.weight": (10, 128),
        "9.bias": (10,),
    }


def test_the_number_of_parameters_is_the_documented_one():
    count = sum(parameter.detach().numpy().size for parameter in reference_cnn().parameters())
    assert count == 103146
    assert f"{count:_}".replace("_", " ") in reference_cnn.__doc__


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 32, 20), (1, 8, 8), (2, 4, 7)])
def test_the_first_linear_layer_follows_the_images(image_shape):
    model = reference_cnn(image_shape, classes=3)
    assert model(np.zeros((2, *image_shape), np.float32)).shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 3, 28),), "image_shape must have at least 4x4 pixels (got 3x28)"),
        (((1, 28, 2),), "image_shape must have at least 4x4 pixels (got 28x2)"),
        (((1, 28, 28), 0), "classes must be at least 1 (got 0)"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(ValueError, match="reference_cnn") as error:
        reference_cnn(*arguments)
    assert message in str(error.value)
