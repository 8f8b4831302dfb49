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


def test_cifar_that_is_not_there_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match="expected cifar-100-python"):
        CIFAR100Dataset(str(tmp_path))


def test_images_in_a_folder_per_class(tmp_path):
    for split in ("train", "val"):
        for name, colour in (("a", 10), ("b", 200)):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (50, 40), (colour, 0, 0)).save(tmp_path / split / name / "0.png")
    item = ImageFolderDataset(str(tmp_path), "val", size=32, resized=36)[1]
    assert item["inputs"].shape == (3, 32, 32)
    assert item["inputs"].max() == 200
    assert int(item["data_samples"].gt_label) == 1
    assert ImageFolderDataset(str(tmp_path), "train", size=16)[0]["inputs"].shape == (3, 16, 16)


def test_a_damaged_image_is_named(tmp_path):
    folder = tmp_path / "val" / "a"
    folder.mkdir(parents=True)
    (folder / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"expected a readable image at .*broken\.png"):
        ImageFolderDataset(str(tmp_path), "val")[0]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="expected a folder of images for each class in"):
        ImageFolderDataset(str(tmp_path), "train")
