"""Networks for small images, such as the 32 × 32 pixels of CIFAR."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import nn
from ..operations import flatten
from ..tensor import Tensor
from .densenet import DenseNet
from .layers import fan_out, initialize
from .registry import register_model
from .resnet import BasicBlock, ResNet, conv3x3, resnet18, resnet34, resnet50
from .vgg import cfgs, make_layers

__all__ = [
    "CifarResNet",
    "CifarVGG",
    "cifar_densenet40",
    "cifar_resnet18",
    "cifar_resnet20",
    "cifar_resnet32",
    "cifar_resnet34",
    "cifar_resnet44",
    "cifar_resnet50",
    "cifar_resnet56",
    "cifar_resnet110",
    "cifar_vgg11_bn",
    "cifar_vgg16_bn",
]


class PadShortcut(nn.Module):
    """A shortcut without parameters: every second pixel, and channels of zeros.

    Parameters
    ----------
    channels : int
        The number of channels of zeros, half of them before and half after the others.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        before = self.channels // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, self.channels - before))

    def extra_repr(self) -> str:
        return f"channels={self.channels}"


class CifarResNet(nn.Module):
    """Residual network for small images: a 3x3 convolution, three stages and a linear layer.

    The stages have 16, 32 and 64 channels. Shortcuts have no parameters (option A of the paper).

    Parameters
    ----------
    layers : sequence of 3 ints
        The number of blocks of each stage; the network has twice their sum and two layers.
    num_classes : int, default 10

    Raises
    ------
    ValueError
        If `layers` has not 3 elements.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import CifarResNet
    >>> CifarResNet([1, 1, 1])(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(self, layers: Sequence[int], num_classes: int = 10) -> None:
        super().__init__()
        if len(layers) != 3:
            raise ValueError(f"CifarResNet: layers must have 3 elements (got {layers})")
        self.conv1 = conv3x3(3, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self._make_layer(16, 16, layers[0])
        self.layer2 = self._make_layer(16, 32, layers[1])
        self.layer3 = self._make_layer(32, 64, layers[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, num_classes)
        initialize(self, linear=fan_out)

    @staticmethod
    def _make_layer(inplanes: int, planes: int, blocks: int) -> nn.Sequential:
        """One stage; it halves height and width if the number of channels changes."""
        if inplanes == planes:
            first = BasicBlock(planes, planes)
        else:
            first = BasicBlock(inplanes, planes, 2, PadShortcut(planes - inplanes))
        return nn.Sequential(first, *(BasicBlock(planes, planes) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(flatten(self.avgpool(x), 1))


def _small_images(model: ResNet) -> ResNet:
    """Replace the stem by a 3x3 convolution of stride 1, without pooling."""
    model.conv1 = conv3x3(3, model.conv1.out_channels)
    fan_out(model.conv1.weight)
    model.maxpool = nn.Identity()  # type: ignore[assignment]
    return model


@register_model
def cifar_resnet20(**kwargs: Any) -> CifarResNet:
    """ResNet-20 for CIFAR: 269 722 parameters, images of 32 × 32 pixels."""
    return CifarResNet((3, 3, 3), **kwargs)


@register_model
def cifar_resnet32(**kwargs: Any) -> CifarResNet:
    """ResNet-32 for CIFAR: 464 154 parameters, images of 32 × 32 pixels."""
    return CifarResNet((5, 5, 5), **kwargs)


@register_model
def cifar_resnet44(**kwargs: Any) -> CifarResNet:
    """ResNet-44 for CIFAR: 658 586 parameters, images of 32 × 32 pixels."""
    return CifarResNet((7, 7, 7), **kwargs)


@register_model
def cifar_resnet56(**kwargs: Any) -> CifarResNet:
    """ResNet-56 for CIFAR: 853 018 parameters, images of 32 × 32 pixels."""
    return CifarResNet((9, 9, 9), **kwargs)


@register_model
def cifar_resnet110(**kwargs: Any) -> CifarResNet:
    """ResNet-110 for CIFAR: 1 727 962 parameters, images of 32 × 32 pixels."""
    return CifarResNet((18, 18, 18), **kwargs)


@register_model
def cifar_resnet18(**kwargs: Any) -> ResNet:
    """ResNet-18 with a 3x3 stem and without its pooling: 11 173 962 parameters, 32 × 32 pixels."""
    return _small_images(resnet18(**{"num_classes": 10} | kwargs))


@register_model
def cifar_resnet34(**kwargs: Any) -> ResNet:
    """ResNet-34 with a 3x3 stem and without its pooling: 21 282 122 parameters, 32 × 32 pixels."""
    return _small_images(resnet34(**{"num_classes": 10} | kwargs))


@register_model
def cifar_resnet50(**kwargs: Any) -> ResNet:
    """ResNet-50 with a 3x3 stem and without its pooling: 23 520 842 parameters, 32 × 32 pixels."""
    return _small_images(resnet50(**{"num_classes": 10} | kwargs))


class CifarVGG(nn.Module):
    """VGG for small images: the convolutional layers of VGG and one linear layer.

    Parameters
    ----------
    features : Module
        Layers from images of 32 × 32 pixels to 512 channels of one pixel, of `make_layers`.
    num_classes : int, default 10

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import CifarVGG
    >>> from cnet.models.vgg import cfgs, make_layers
    >>> CifarVGG(make_layers(cfgs["A"]))(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(self, features: nn.Module, num_classes: int = 10) -> None:
        super().__init__()
        self.features = features
        self.classifier = nn.Linear(512, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.features(x), 1))


@register_model
def cifar_vgg11_bn(**kwargs: Any) -> CifarVGG:
    """VGG-11 with batch normalization: 9 231 114 parameters, images of 32 × 32 pixels."""
    return CifarVGG(make_layers(cfgs["A"], batch_norm=True), **kwargs)


@register_model
def cifar_vgg16_bn(**kwargs: Any) -> CifarVGG:
    """VGG-16 with batch normalization: 14 728 266 parameters, images of 32 × 32 pixels."""
    return CifarVGG(make_layers(cfgs["D"], batch_norm=True), **kwargs)


@register_model
def cifar_densenet40(**kwargs: Any) -> DenseNet:
    """DenseNet-BC-40 with growth 12: 176 122 parameters, images of 32 × 32 pixels."""
    model = DenseNet(12, (6, 6, 6), num_init_features=24, **{"num_classes": 10} | kwargs)
    model.features.conv0 = conv3x3(3, 24)
    nn.init.kaiming_normal_(model.features.conv0.weight)
    del model.features.norm0, model.features.relu0, model.features.pool0
    return model
