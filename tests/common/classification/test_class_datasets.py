import pickle

import numpy as np
import pytest
from PIL import Image

from common.classification.datasets import CIFAR100Dataset, DigitsDataset, ImageFolderDataset
from common.errors import ConfigError, DataError
from common.sampling import SeededDataset


def test_the_digits_splits_are_disjoint_complete_and_alike_in_their_classes():
    splits = {name: DigitsDataset(name) for name in ("train", "val", "test")}
    together = np.concatenate([split.indices for split in splits.values()])
    assert sorted(together) == list(range(1797))
    for split in splits.values():
        counts = np.bincount(split.labels)
        assert counts.max() - counts.min() <= 5


def test_a_sample_knows_its_class_and_its_place():
    item = DigitsDataset("test")[7]
    assert item["inputs"].shape == (1, 8, 8)
    assert int(item["data_samples"].gt_index) == 7
    assert int(item["data_samples"].gt_label) == DigitsDataset("test").labels[7]


def test_an_unknown_split_is_refused():
    with pytest.raises(ConfigError, match="expected split train, val, test but found 'trian'; did you mean 'train'"):
        DigitsDataset("trian")


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Twenty images in the layout of cifar-100-python, with the check of the archive's sums off."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(20, 3072), dtype=np.uint8)
    for name in ("train", "test"):
        entries = {"data": pixels, "fine_labels": list(range(20)), "coarse_labels": [0] * 20}
        (folder / name).write_bytes(pickle.dumps(entries))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"c{i}" for i in range(100)]}))
    monkeypatch.setattr("torchvision.datasets.cifar.CIFAR10._check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    return tmp_path, pixels


def test_cifar_is_read_from_its_own_layout(cifar):
    root, pixels = cifar
    dataset = CIFAR100Dataset(str(root), "test")
    item = dataset[3]
    assert np.array_equal(item["inputs"].numpy(), pixels[3].reshape(3, 32, 32))
    assert int(item["data_samples"].gt_label) == 3
    assert len(dataset.metainfo["classes"]) == 100


def test_cifars_augmentation_follows_from_the_seed_and_the_position(cifar):
    dataset = SeededDataset(CIFAR100Dataset(str(cifar[0]), "train"))
    first, again, other = (dataset[(3, 0, position)]["inputs"] for position in (5, 5, 6))
    assert first.equal(again)
    assert not first.equal(other)


def test_cifar_that_is_not_there_says_where_to_get_it_and_where_to_put_it(tmp_path):
    with pytest.raises(DataError, match="expected CIFAR-100 for Python at") as raised:
        CIFAR100Dataset(str(tmp_path))
    assert "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz" in str(raised.value)
    assert f"{tmp_path}/cifar-100-python" in str(raised.value)
    assert "download=True" not in str(raised.value)


def write_folders(root, **splits):
    """A picture of each named class, of a grey that tells the class."""
    greys = {"a": 10, "b": 100, "c": 200}
    for split, names in splits.items():
        for name in names:
            (root / split / name).mkdir(parents=True)
            Image.new("RGB", (50, 40), (greys[name], 0, 0)).save(root / split / name / "0.png")
    return str(root)


def labels(dataset):
    return [int(dataset[i]["data_samples"].gt_label) for i in range(len(dataset))]


def test_images_in_a_folder_per_class(tmp_path):
    root = write_folders(tmp_path, train="ab", val="ab")
    item = ImageFolderDataset(root, "val", size=32, resized=36)[1]
    assert item["inputs"].shape == (3, 32, 32)
    assert item["inputs"].max() == 100
    assert int(item["data_samples"].gt_label) == 1
    assert ImageFolderDataset(root, "train", size=16)[0]["inputs"].shape == (3, 16, 16)


def test_classes_are_numbered_as_in_train(tmp_path):
    root = write_folders(tmp_path, train="abc", val="ac")
    (tmp_path / "val" / "b").mkdir()  # no image of it
    dataset = ImageFolderDataset(root, "val")
    assert labels(dataset) == [0, 2]
    assert dataset.metainfo["classes"] == ("a", "b", "c")


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [("abc", "ac", r"lacks b \(an empty"), ("ab", "abc", "has c besides"), ("ab", "ac", "lacks b .* and has c")],
)
def test_folders_that_differ_from_trains_are_named(tmp_path, train, val, message):
    with pytest.raises(DataError, match=rf"/val, .*{message}"):
        ImageFolderDataset(write_folders(tmp_path, train=train, val=val), "val")


def test_classes_can_be_named_in_their_order_where_there_is_no_train(tmp_path):
    root = write_folders(tmp_path, val="abc")
    dataset = ImageFolderDataset(root, "val", classes=("c", "a", "b"))
    greys = [int(dataset[i]["inputs"].max()) for i in range(3)]
    assert sorted(zip(labels(dataset), greys, strict=True)) == [(0, 200), (1, 10), (2, 100)]
    with pytest.raises(DataError, match=r"expected .*/train, .*classes="):
        ImageFolderDataset(root, "val")


def test_the_test_split_is_in_test_or_where_there_is_none_in_val(tmp_path):
    root = write_folders(tmp_path, train="ab", val="ab", test="ab")
    Image.new("RGB", (50, 40)).save(tmp_path / "test" / "a" / "1.png")
    assert (len(ImageFolderDataset(root, "test")), len(ImageFolderDataset(root, "val"))) == (3, 2)
    other = write_folders(tmp_path / "other", train="ab", val="ab")
    assert len(ImageFolderDataset(other, "test")) == 2


def test_a_training_class_without_images_is_named(tmp_path):
    root = write_folders(tmp_path, train="ab")
    (tmp_path / "train" / "c").mkdir()
    with pytest.raises(DataError, match="no valid file for the classes c"):
        ImageFolderDataset(root, "train")


def test_a_split_without_images_is_named(tmp_path):
    root = write_folders(tmp_path, train="a")
    (tmp_path / "val" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match=r"expected images in .*val but found none"):
        ImageFolderDataset(root, "val")


def test_a_damaged_image_is_named(tmp_path):
    root = write_folders(tmp_path, train="a", val="a")
    (tmp_path / "val" / "a" / "0.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"expected a readable image at .*0\.png"):
        ImageFolderDataset(root, "val")[0]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected a folder of images for each class in .*train"):
        ImageFolderDataset(str(tmp_path), "train")
    with pytest.raises(DataError, match=r"expected a folder of images for each class in .*val"):
        ImageFolderDataset(write_folders(tmp_path, train="a"), "val")
