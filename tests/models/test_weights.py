"""Published weights: their names, files and transforms, and how models load them."""

import hashlib
import io
import sys
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import hub, models, nn
from cnet.datasets.download import DownloadError
from cnet.models import ResNet18_Weights, ResNet50_Weights, registry, weights
from cnet.models.weights import Weights, WeightsEnum
from cnet.transforms import InterpolationMode
from cnet.transforms._presets import ImageClassification
from servers import serving


class Tiny(nn.Sequential):
    def __init__(self, num_classes=1000, aux=True, bias=True):
        super().__init__(nn.Linear(2, num_classes, bias=bias))
        self.aux = nn.Linear(2, 2) if aux else None


def _content() -> bytes:
    file = io.BytesIO()
    model = Tiny()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.25)
    cnet.save(model.state_dict(), file)
    return file.getvalue()


CONTENT = _content()
NAME = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
CLASSES = "".join(f"class {i}\n" for i in range(1000))


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("CNET_CACHE", str(tmp_path / "cnet"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with serving({NAME: CONTENT, "names.txt": CLASSES.encode()}) as server:
        yield server


@pytest.fixture
def tiny(server, monkeypatch):
    """A model whose weights are on the server."""
    good, missing = (Weights(f"{server.url}{way}/{NAME}", dict, {}) for way in ("good", "missing"))
    members = {"IMAGENET1K_V1": good, "IMAGENET1K_V2": missing, "DEFAULT": good}
    versions = WeightsEnum("Tiny_Weights", members)
    monkeypatch.setitem(weights.published, "tiny", versions)
    monkeypatch.setattr(registry, "_builders", dict(registry._builders))
    monkeypatch.setattr(sys.modules[__name__], "__all__", [], raising=False)

    def tiny(**kwargs: Any) -> Tiny:
        return Tiny(**kwargs)

    return registry.register_model(tiny)


# ---- The table -----------------------------------------------------------------------------------


def test_names_and_versions() -> None:
    assert [*ResNet50_Weights.__members__] == ["IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"]
    assert ResNet50_Weights.DEFAULT is ResNet50_Weights.IMAGENET1K_V2
    assert ResNet18_Weights.DEFAULT is ResNet18_Weights.IMAGENET1K_V1
    assert sys.modules["cnet.models.resnet"].ResNet50_Weights is ResNet50_Weights
    assert models.get_model_weights(models.resnet50) is ResNet50_Weights
    assert models.get_weight("ResNet50_Weights.IMAGENET1K_V1") is ResNet50_Weights.IMAGENET1K_V1
    assert ResNet50_Weights.verify("ResNet50_Weights.DEFAULT") is ResNet50_Weights.DEFAULT
    assert ResNet50_Weights.verify(None) is None
    assert "VGG16_BN_Weights" in models.vgg.__all__


def test_the_table_is_that_of_torchvision() -> None:
    """The digest is that of the same lines for torchvision 0.28, without SWAG and features."""
    lines = []
    for name in sorted(weights.published):
        for one in weights.published[name]:
            preset = one.transforms()
            sizes = preset.crop_size, preset.resize_size, preset.interpolation.value
            lines.append(f"{one!r} {one.url} {sizes} {preset.mean} {preset.std} {preset.antialias}")
        lines.append(repr(weights.published[name].DEFAULT))
    assert len(lines) == 158
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest[:16] == "332befcc94cf2de7"


def test_an_own_class_of_weights() -> None:
    class Own(WeightsEnum):
        V1 = Weights("https://x/a.pth", partial(ImageClassification, crop_size=8), {"n": 3})

    assert isinstance(Own.V1, Enum)
    assert Own.V1.meta["n"] == 3
    assert Own.V1.transforms().crop_size == [8]


# ---- Loading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"weights": "DEFAULT"}, {"weights": "IMAGENET1K_V1"}, {"pretrained": True},
        {"weights": "Tiny_Weights.IMAGENET1K_V1"}, {"weights": True},
    ],
)  # fmt: skip
def test_weights_are_downloaded_once(tiny, server, tmp_path, options) -> None:
    for _ in range(2):
        model = models.get_model("tiny", progress=False, **options)
        assert all(np.all(np.asarray(p.detach()) == 0.25) for p in model.parameters())
    assert server.asked == [f"/good/{NAME}"]
    assert (tmp_path / "cnet/hub/checkpoints" / NAME).read_bytes() == CONTENT


def test_weights_of_pytorch_are_found(tiny, server, tmp_path) -> None:
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(CONTENT)
    tiny(True)
    assert server.asked == []
    (folder / NAME).write_bytes(CONTENT[:-1])  # damaged
    tiny(weights="IMAGENET1K_V1")
    assert server.asked == [f"/good/{NAME}"]


def test_models_may_lack_auxiliary_classifiers(tiny) -> None:
    assert tiny(weights=True, aux=False).aux is None
    with pytest.raises(RuntimeError, match=r"0\.bias"):
        tiny(weights=True, bias=False)


def test_no_weights(tiny, server) -> None:
    for options in ({"weights": None}, {"weights": False}, {"pretrained": False}):
        tiny(num_classes=3, **options)
    tiny(False)
    assert server.asked == []


def test_weights_of_googlenet(monkeypatch) -> None:
    """The defaults change with trained weights, as in torchvision."""
    built = []

    def build(**kwargs: Any) -> nn.Module:
        built.append(kwargs)
        return nn.Sequential()

    monkeypatch.setattr(sys.modules["cnet.models.googlenet"], "GoogLeNet", build)
    monkeypatch.setattr(sys.modules["cnet.models.inception"], "Inception3", build)
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: {})
    models.googlenet(weights="DEFAULT")
    models.googlenet(weights="DEFAULT", aux_logits=True)
    models.inception_v3(weights="DEFAULT", transform_input=False)
    common = {"num_classes": 1000, "init_weights": False}
    assert built == [
        {"transform_input": True, "aux_logits": False} | common,
        {"transform_input": True, "aux_logits": True} | common,
        {"transform_input": False} | common,
    ]


def test_categories_are_read_when_they_are_needed(server, monkeypatch) -> None:
    monkeypatch.setattr(weights, "CATEGORIES", f"{server.url}good/names.txt")
    meta = type(ResNet18_Weights.DEFAULT.meta)()
    assert server.asked == []
    assert [len(meta["categories"]), meta["categories"][7]] == [1000, "class 7"]
    assert server.asked == ["/good/names.txt"]
    with pytest.raises(KeyError, match="recipe"):
        meta["recipe"]
    hub.get_file(weights.CATEGORIES).write_text("tench")
    with pytest.raises(ValueError, match=r"names.txt must have 1000 lines \(got 1\)"):
        type(meta)()["categories"]


def test_errors(tiny, server, tmp_path) -> None:
    with pytest.raises(DownloadError, match=r"missing/tiny.*HTTP Error 404.*put in .*checkpoints"):
        tiny(weights="IMAGENET1K_V2")
    with pytest.raises(ValueError, match=r"one of IMAGENET1K_V1, .*\(got 'V1'\)"):
        tiny(weights="V1")
    with pytest.raises(ValueError, match="Tiny_Weights: weights must be one of"):
        tiny(weights=ResNet18_Weights.DEFAULT)
    with pytest.raises(ValueError, match=r"tiny: num_classes must be 1000 .* \(got 10\)"):
        tiny(weights="DEFAULT", num_classes=10)
    with pytest.raises(ValueError, match="lenet5: weights must be None, because none"):
        models.lenet5(weights="DEFAULT")
    with pytest.raises(ValueError, match="lenet5 has no published weights"):
        models.get_model_weights("lenet5")
    for name in ("ResNet18", "resnet18_Weights.DEFAULT", "X_Weights.DEFAULT"):
        with pytest.raises(ValueError, match="get_weight: name must be like"):
            models.get_weight(name)
    with pytest.raises(ValueError, match="got 'V9'"):
        models.get_weight("ResNet18_Weights.V9")
    assert list((tmp_path / "cnet/hub/checkpoints").iterdir()) == []


# ---- Transforms ----------------------------------------------------------------------------------


def test_images_are_prepared_as_by_torchvision() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    preset = ImageClassification(
        crop_size=20, resize_size=30, mean=(0.5, 0.25, 0), std=(0.5, 1, 2), interpolation="bicubic"
    )
    functional = cnet.transforms.functional
    expected = functional.center_crop(
        functional.resize(image, 30, InterpolationMode.BICUBIC, antialias=True), 20
    )
    expected = (expected / 255 - np.array([0.5, 0.25, 0])) / np.array([0.5, 1, 2])
    for kind in (image, cnet.from_numpy(image.transpose(2, 0, 1).copy())):
        result = preset(kind)
        assert result.dtype == np.float32
        np.testing.assert_allclose(
            np.asarray(result), expected.transpose(2, 0, 1), atol=1e-6 if kind is image else 0.02
        )
    batch = cnet.zeros((2, 3, 50, 40), dtype=np.uint8)
    assert preset(batch).shape == (2, 3, 20, 20)


def test_cached_files(server, tmp_path) -> None:
    """`hub.get_file` looks only into the folder that was given."""
    path = hub.get_file(f"{server.url}good/{NAME}", tmp_path / "own", check_hash=True)
    assert path == tmp_path / "own" / NAME
