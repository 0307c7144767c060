"""Published weights of the models of torchvision: where they are, and how images are prepared."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from ..transforms import InterpolationMode
from ..transforms._presets import ImageClassification

__all__ = ["Weights", "WeightsEnum"]

SERVER = "https://download.pytorch.org/models/"
CATEGORIES = "https://raw.githubusercontent.com/pytorch/hub/master/imagenet_classes.txt"

TABLE = """
AlexNet alexnet-owt-7be5be79
ConvNeXt_Base 6075fbad 232
ConvNeXt_Large ea097f82 232
ConvNeXt_Small 0c510722 230
ConvNeXt_Tiny 983f1562 236
DenseNet121 a639ec97
DenseNet161 8d451a50
DenseNet169 b2777c0a
DenseNet201 c1103571
EfficientNet_B0 efficientnet_b0_rwightman-7f5810bc 256 224 bicubic
EfficientNet_B1 efficientnet_b1_rwightman-bac287d4 256 240 bicubic | c27df63c 255 240
EfficientNet_B2 efficientnet_b2_rwightman-c35c1473 288 288 bicubic
EfficientNet_B3 efficientnet_b3_rwightman-b3899882 320 300 bicubic
EfficientNet_B4 efficientnet_b4_rwightman-23ab8bcd 384 380 bicubic
EfficientNet_B5 efficientnet_b5_lukemelas-1a07897c 456 456 bicubic
EfficientNet_B6 efficientnet_b6_lukemelas-24a108a5 528 528 bicubic
EfficientNet_B7 efficientnet_b7_lukemelas-c5b4e57e 600 600 bicubic
EfficientNet_V2_L 59c71312 480 480 bicubic 0.5
EfficientNet_V2_M dc08266a 480 480
EfficientNet_V2_S dd5fe13b 384 384
GoogLeNet 1378be20
Inception_V3 inception_v3_google-0cc3c7bd 342 299
MNASNet0_5 mnasnet0.5_top1_67.823-3ffadce67e
MNASNet0_75 7090bc5f 232
MNASNet1_0 mnasnet1.0_top1_73.512-f206786ef8
MNASNet1_3 a4c69d6f 232
MobileNet_V2 b0353104 | 7ebf99e0 232
MobileNet_V3_Large 8738ca79 | 5c1a4163 232
MobileNet_V3_Small 047dcff4
RegNet_X_16GF 2007eb11 | ba3796d7 232
RegNet_X_1_6GF e3633e7f | a12f2b72 232
RegNet_X_32GF 9d47f8d0 | 6eb8fdc6 232
RegNet_X_3_2GF f342aeae | 7071aa85 232
RegNet_X_400MF adf1edd5 | 62229a5f 232
RegNet_X_800MF ad17e45c | 94a99ebd 232
RegNet_X_8GF 03ceed89 | 2b70d774 232
RegNet_Y_16GF 9e6ed7dd | 3e4a00f9 232
RegNet_Y_1_6GF b11a554e | 0d7bc02a 232
RegNet_Y_32GF 4dee3f7a | 8db6d4b5 232
RegNet_Y_3_2GF b5a9779c | 9180c971 232
RegNet_Y_400MF c65dace8 | e6988f5f 232
RegNet_Y_800MF 1b27b58c | 58fc7688 232
RegNet_Y_8GF d0d0e4a8 | dc2b1b54 232
ResNet101 63fe2227 | cd907fc2 232
ResNet152 394f9c45 | f82ba261 232
ResNet18 f37072fd
ResNet34 b627a593
ResNet50 0676ba61 | 11ad3fa6 232
ResNeXt101_32X8D 8ba56ff5 | 110c445d 232
ResNeXt101_64X4D 173b62eb 232
ResNeXt50_32X4D 7cdf4587 | 1a0047aa 232
ShuffleNet_V2_X0_5 shufflenetv2_x0.5-f707e7126e
ShuffleNet_V2_X1_0 shufflenetv2_x1-5666bf0f80
ShuffleNet_V2_X1_5 shufflenetv2_x1_5-3c479a10 232
ShuffleNet_V2_X2_0 shufflenetv2_x2_0-8be3c8ee 232
SqueezeNet1_0 b66bff10
SqueezeNet1_1 b8a52dc0
VGG11 8a719046
VGG11_BN 6002323d
VGG13 19584684
VGG13_BN abd245e5
VGG16 397923af
VGG16_BN 6c64b313
VGG19 dcbb9e9d
VGG19_BN c79401a0
Wide_ResNet101_2 32ee1156 | d733dc28 232
Wide_ResNet50_2 95faca4d | 9ba9bcbe 232
"""
"""For each model, in torchvision's spelling, its versions IMAGENET1K_V1 and V2.

A version has the name of its file, or only the hash at its end, and the arguments of
`ImageClassification` if they differ from the usual ones: the size of the image and of its centre,
the interpolation, and the mean and deviation of pixels.
"""


@dataclass(frozen=True)
class Weights:
    """Where trained weights are, and what belongs to them.

    Parameters
    ----------
    url : str
        The address of the file.
    transforms : callable
        Returns the transform for images of the model.
    meta : dict
        Further facts. ``meta["categories"]`` of published weights has the names of the classes; the
        file of these is downloaded when it is first needed.

    Examples
    --------
    >>> from cnet import models
    >>> models.Weights("https://example.com/net-0123abcd.pth", dict, {}).meta
    {}
    """

    url: str
    transforms: Callable[..., Any]
    meta: dict[str, Any]


class WeightsEnum(Enum):
    """The published weights of a model, such as ``ResNet50_Weights.IMAGENET1K_V2``.

    ``DEFAULT`` is the best version. Values are `Weights`; a subclass may list those of own files.

    Examples
    --------
    >>> from cnet.models import ResNet50_Weights
    >>> list(ResNet50_Weights)
    [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    >>> ResNet50_Weights.DEFAULT.url
    'https://download.pytorch.org/models/resnet50-11ad3fa6.pth'
    >>> ResNet50_Weights.DEFAULT.transforms().resize_size
    [232]
    """

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """A member of this class for a member or its name.

        Raises
        ------
        ValueError
            If there is no such member.
        """
        name = obj.removeprefix(f"{cls.__name__}.") if isinstance(obj, str) else ""
        if obj is None or isinstance(obj, cls):
            return obj
        if name not in cls.__members__:
            raise ValueError(
                f"{cls.__name__}: weights must be one of {', '.join(cls.__members__)} (got {obj!r})"
            )
        return cls[name]

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The weights; the arguments are those of `hub.load_state_dict_from_url`."""
        from .. import hub

        return hub.load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    @property
    def url(self) -> str:
        """The address of the file."""
        return self.value.url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Returns the transform for images of the model."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """Further facts, such as the names of the classes: ``meta["categories"]``."""
        return self.value.meta


class _Meta(dict[str, Any]):
    """Reads the names of the 1000 classes of ImageNet when they are needed."""

    def __missing__(self, key: str) -> Any:
        if key != "categories":
            raise KeyError(key)
        from .. import hub

        path = hub.get_file(CATEGORIES)
        names = path.read_text("utf-8").strip().split("\n")
        if len(names) != 1000:
            raise ValueError(f"categories: {path} must have 1000 lines (got {len(names)})")
        self[key] = names
        return names


def _published(line: str) -> tuple[str, type[WeightsEnum]]:
    """The name of a model and its weights, for a line of the table."""
    name, _, versions = line.partition(" ")
    members = []
    for number, version in enumerate(versions.split(" | "), 1):
        file, size, crop, mode, mean = (version.split() + [""] * 4)[:5]
        file = file if "-" in file else f"{name.lower()}-{file}"
        options: dict[str, Any] = (
            {"mean": (float(mean),) * 3, "std": (float(mean),) * 3} if mean else {}
        )
        preset = partial(
            ImageClassification,
            crop_size=int(crop or 224),
            resize_size=int(size or 256),
            interpolation=InterpolationMode(mode or "bilinear"),
            **options,
        )
        members.append((f"IMAGENET1K_V{number}", Weights(f"{SERVER}{file}.pth", preset, _META)))
    members.append(("DEFAULT", members[-1][1]))
    make: Any = WeightsEnum
    return name.lower(), make(f"{name}_Weights", members)


_META = _Meta()
published = dict(map(_published, TABLE.split("\n")[1:-1]))
"""The weights of each model that has some."""
