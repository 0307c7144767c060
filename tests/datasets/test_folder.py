"""Data sets of files in folders, and of noise."""

import sys
from io import BytesIO

import numpy as np
import pytest

from cnet import datasets
from cnet.datasets import DatasetFolder, FakeData, ImageFolder, VisionDataset
from cnet.datasets.folder import default_loader, find_classes, make_dataset
from cnet.datasets.refused import REASONS

COLORS = {"blue": (0, 0, 255), "red": (255, 0, 0)}


@pytest.fixture
def folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, color in COLORS.items():
        (tmp_path / name / "inner").mkdir(parents=True)
        image.new("RGB", (4, 3), color).save(tmp_path / name / "b.png")
        image.new("RGB", (4, 3), color).save(tmp_path / name / "inner" / "a.PNG")
        (tmp_path / name / "notes.txt").write_text(name)
    (tmp_path / "file.png").touch()
    return tmp_path


def test_image_folder(folder):
    data = ImageFolder(folder)
    assert data.classes == ["blue", "red"]
    assert data.class_to_idx == {"blue": 0, "red": 1}
    assert [path[len(str(folder)) + 1 :] for path, _ in data.samples] == [
        "blue/b.png", "blue/inner/a.PNG", "red/b.png", "red/inner/a.PNG",
    ]  # fmt: skip
    assert data.targets == [0, 0, 1, 1]
    assert data.imgs == data.samples
    for image, target in data:
        assert np.asarray(image).tolist() == [[list(COLORS[data.classes[target]])] * 4] * 3
    changed = ImageFolder(folder, lambda image: image.size, lambda target: -target)
    assert changed[3] == ((4, 3), -1)


def test_which_files(folder):
    data = DatasetFolder(str(folder), open, (".txt",))
    assert len(data) == 2
    data = ImageFolder(folder, loader=str, is_valid_file=lambda path: path.endswith("a.PNG"))
    assert [image[-5:] for image, _ in data] == ["a.PNG", "a.PNG"]
    assert make_dataset(folder, {"red": 5}, ".png")[0][1] == 5
    (folder / "green").mkdir()
    with pytest.raises(FileNotFoundError, match=r"for the classes green; the extensions are .jpg"):
        ImageFolder(folder)
    assert ImageFolder(folder, allow_empty=True).classes == ["blue", "green", "red"]


def test_errors(folder, tmp_path):
    with pytest.raises(ValueError, match="extensions or is_valid_file, and not both"):
        make_dataset(folder)
    with pytest.raises(ValueError, match="extensions or is_valid_file, and not both"):
        make_dataset(folder, extensions=".png", is_valid_file=bool)
    with pytest.raises(FileNotFoundError, match="inner has no folder"):
        find_classes(folder / "red" / "inner")
    with pytest.raises(ValueError, match="transforms excludes transform"):
        VisionDataset(".", transforms=print, transform=print)


def test_damaged_images(folder):
    whole = (folder / "red" / "b.png").read_bytes()
    for content in (b"", b"no image", whole[:40], whole[:50]):
        (folder / "red" / "b.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"b\.png cannot be read"):
            ImageFolder(folder)[2]


def test_an_image_that_pillow_does_not_implement(folder):
    file = BytesIO()
    pytest.importorskip("PIL.Image").new("RGB", (4, 4)).save(file, "DDS")
    content = file.getvalue()
    (folder / "red" / "b.png").write_bytes(content[:80] + b"\0\0\0\x40" + content[84:])
    with pytest.raises(ValueError, match=r"b\.png cannot be read: Unknown pixel format flags"):
        ImageFolder(folder)[2]


def test_links_that_lead_in_a_circle(folder):
    count = len(ImageFolder(folder))
    for name in ("one", "two"):
        (folder / "red" / name).symlink_to(folder / "red", target_is_directory=True)
        (folder / "blue" / name).symlink_to(folder, target_is_directory=True)
    assert len(ImageFolder(folder)) == count
    (folder / "blue" / "red").symlink_to(folder / "red" / "inner", target_is_directory=True)
    inner = len(list((folder / "red" / "inner").iterdir()))
    assert len(ImageFolder(folder)) == count + inner


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'cnet-nn\[images\]'"):
        default_loader("image.png")


def test_fake_data():
    data = FakeData(5, (3, 4, 6), num_classes=3)
    assert len(data) == 5
    images = [np.asarray(image) for image, _ in data]
    assert all((image.dtype, image.shape) == (np.uint8, (4, 6, 3)) for image in images)
    assert len({image.tobytes() for image in images}) == 5
    assert {label for _, label in FakeData(50, (1, 2, 2), 3)} == {0, 1, 2}
    again = FakeData(5, (3, 4, 6), random_offset=1)
    np.testing.assert_array_equal(np.asarray(again[0][0]), images[1])
    with pytest.raises(IndexError, match="less than 5"):
        data[5]


@pytest.mark.parametrize("name", REASONS)
def test_what_is_not_supported_says_why(name):
    with pytest.raises(NotImplementedError, match=f"{name} is not supported: it"):
        getattr(datasets, name)("data", split="train", download=True)
