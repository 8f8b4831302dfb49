"""What is read from a checkpoint, what is refused, and what is said about it."""

import hashlib
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from common.checkpoint import file_sha256, load_strictly, read_checkpoint, save_atomically, state_dict_of
from common.errors import CheckpointError


class Opener:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Plain:
    pass


class Reached:
    """Asks the unpickler for an attribute of a class."""

    def __init__(self, owner, name):
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)

    def __call__(self):
        """The pickler wants it."""


class Called:
    """Calls what `Reached` has reached."""

    def __init__(self, reached, *arguments):
        self.reached, self.arguments = reached, arguments

    def __reduce__(self):
        return self.reached, self.arguments


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"expected a checkpoint at .*none.pth but found none"):
        read_checkpoint(tmp_path / "none.pth")


def test_other_checkpoints_in_the_folder_of_a_missing_one_are_named_newest_first(tmp_path):
    with pytest.raises(CheckpointError, match=r"iter_8000\.pth but found none$"):
        read_checkpoint(tmp_path / "nowhere" / "iter_8000.pth")
    for number in range(1, 7):
        (tmp_path / f"iter_{number}000.pth").touch()
        os.utime(tmp_path / f"iter_{number}000.pth", (number, number))
    (tmp_path / "log.txt").touch()
    named = r"found none; beside it are iter_6000\.pth, iter_5000\.pth, iter_4000\.pth, iter_3000\.pth, 2 more$"
    with pytest.raises(CheckpointError, match=named):
        read_checkpoint(tmp_path / "iter_8000.pth")


@pytest.mark.parametrize(
    "content", [b"", b"hello world", b"<!DOCTYPE html>", b"PK\x03\x04broken", bytes(range(256)) * 9]
)
@pytest.mark.parametrize("trust", [False, True])
def test_file_that_is_no_checkpoint_is_called_damaged(tmp_path, content, trust):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"found a damaged or foreign file at .*bad\.pth"):
        read_checkpoint(tmp_path / "bad.pth", trust)


def test_half_a_file_is_called_damaged(tmp_path):
    path = tmp_path / "half.pth"
    torch.save({"state_dict": {"weight": torch.randn(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match=r"damaged"):
        read_checkpoint(path)


def test_file_of_something_else_than_a_dict_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match=r"expected a dict of tensors in .* but found list"):
        read_checkpoint(tmp_path / "list.pth")


def test_code_in_a_file_does_not_run_unless_trusted(tmp_path):
    path, made = tmp_path / "code.pth", tmp_path / "made"
    torch.save({"state_dict": {}, "hidden": Opener(made)}, path)
    with pytest.raises(CheckpointError, match=r"could run code; .*--trust-checkpoint .* trust=True"):
        read_checkpoint(path)
    assert not made.exists()
    read_checkpoint(path, trust=True)
    assert made.is_dir()


@pytest.mark.parametrize(
    "hidden",
    [
        Plain(),
        Reached(Plain, "__init__"),
        Reached(HistoryBuffer, "__init__"),
        Reached(HistoryBuffer, "__subclasses__"),
        Called(Reached(HistoryBuffer, "register_statistics"), print),
    ],
    ids=["object", "any attribute", "private attribute", "subclasses", "call of what was reached"],
)
def test_getattr_reaches_nothing_but_what_log_histories_need(tmp_path, hidden):
    torch.save({"hidden": hidden}, tmp_path / "file.pth")
    with pytest.raises(CheckpointError, match=r"could run code"):
        read_checkpoint(tmp_path / "file.pth")


def test_what_the_engine_itself_stores_is_read(tmp_path):
    history = HistoryBuffer()
    history.update(1.5)
    stored = {"state_dict": {}, "message_hub": {"loss": history}, "meta": {"seed": np.int64(3), "x": np.ones(2)}}
    torch.save(stored, tmp_path / "run.pth")
    read = read_checkpoint(tmp_path / "run.pth")
    assert read["message_hub"]["loss"].current() == 1.5
    assert read["meta"]["seed"] == 3


@pytest.fixture
def download(tmp_path, monkeypatch):
    """Serves ``served`` for any address, into a hub folder of the test's own; counts the fetches."""
    torch.save({"state_dict": {"weight": torch.ones(1)}}, tmp_path / "served")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    fetched = []
    original = torch.hub.download_url_to_file

    def from_disk(url, target, hash_prefix):
        fetched.append(url)
        original((tmp_path / "served").as_uri(), target, hash_prefix, progress=False)

    monkeypatch.setattr(torch.hub, "download_url_to_file", from_disk)
    digest = hashlib.sha256((tmp_path / "served").read_bytes()).hexdigest()
    return fetched, digest


def test_address_is_fetched_once_and_its_hash_checked(download):
    fetched, digest = download
    address = f"https://example.org/net-{digest[:8]}.pth"
    for _ in range(2):
        assert read_checkpoint(address)["state_dict"]["weight"] == 1
    assert fetched == [address]


def test_download_of_another_hash_is_refused_and_nothing_kept(download, tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot fetch .*invalid hash value"):
        read_checkpoint("https://example.org/net-00000000.pth")
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_cached_file_that_changed_is_refused(download, tmp_path):
    _, digest = download
    address = f"https://example.org/net-{digest[:8]}.pth"
    read_checkpoint(address)
    cached = tmp_path / "hub" / "checkpoints" / f"net-{digest[:8]}.pth"
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, cached)
    with pytest.raises(CheckpointError, match=f"SHA-256 starts with {digest[:8]} but found another at .*delete it"):
        read_checkpoint(address)


def test_address_that_cannot_be_reached_says_what_to_do(monkeypatch, tmp_path):
    def unreachable(*_):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(CheckpointError, match=r"no route to host; download it elsewhere and give the file's path"):
        read_checkpoint("https://example.org/net.pth")


WEIGHTS = {"layer.weight": torch.ones(1), "layer.bias": torch.zeros(1)}


@pytest.mark.parametrize("prefix", ["", "module.", "student.", "module.architecture.", "model."])
@pytest.mark.parametrize("entry", ["state_dict", "model", None])
def test_weights_are_found_under_their_bare_names(prefix, entry):
    stored = {prefix + key: value for key, value in WEIGHTS.items()}
    assert state_dict_of({entry: stored, "meta": {}} if entry else stored).keys() == WEIGHTS.keys()


def test_prefix_that_the_model_itself_has_stays():
    stored = {"state_dict": {"module.model.weight": torch.ones(1)}}
    assert state_dict_of(stored, ["model.weight"]).keys() == {"model.weight"}
    assert state_dict_of(stored).keys() == {"weight"}


def network(width=4, classes=3):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, classes, 1))


def test_loading_fills_every_key():
    source, target = network(), network()
    load_strictly(target, source.state_dict(), "file.pth")
    assert all(torch.equal(value, target.state_dict()[key]) for key, value in source.state_dict().items())


def test_old_files_without_the_batch_counter_load():
    state = {k: v for k, v in network().state_dict().items() if "num_batches" not in k}
    load_strictly(network(), state, "file.pth")


def test_renamed_keys_give_the_share_loaded_and_the_nearest_names():
    state = {key.replace("1.running", "1.moving"): value for key, value in network().state_dict().items()}
    with pytest.raises(CheckpointError) as raised:
        load_strictly(network(), state, "file.pth")
    message = str(raised.value)
    assert message.startswith("file.pth does not fit Sequential: 7 of 9 keys can be loaded")
    assert "missing '1.running_mean'; did you mean '1.moving_mean'?" in message
    assert "4 keys differ in all" in message


def test_one_missing_key_is_enough():
    state = {key: value for key, value in network().state_dict().items() if key != "2.bias"}
    with pytest.raises(CheckpointError, match=r"8 of 9 keys can be loaded; missing '2\.bias'"):
        load_strictly(network(), state, "file.pth")


def test_unexpected_keys_are_named():
    with pytest.raises(CheckpointError, match=r"unexpected 'extra.weight'"):
        load_strictly(network(), {**network().state_dict(), "extra.weight": torch.ones(1)}, "file.pth")


def test_another_number_of_outputs_is_called_that():
    with pytest.raises(
        CheckpointError, match=r"expected 3 outputs but found 19 \(at 2.weight\); .*\(num_classes, num_points\)"
    ):
        load_strictly(network(), network(classes=19).state_dict(), "file.pth")


def test_another_width_shows_both_shapes():
    with pytest.raises(CheckpointError, match=r"0\.weight: expected shape \(4, 3, 3, 3\) but found \(8, 3, 3, 3\)"):
        load_strictly(network(), network(8).state_dict(), "file.pth")


def test_refused_weights_leave_the_model_as_it_was():
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError):
        load_strictly(model, network(classes=19).state_dict(), "file.pth")
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_saved_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "out" / "net.pth"
    save_atomically({"state_dict": WEIGHTS}, path)
    assert read_checkpoint(path)["state_dict"].keys() == WEIGHTS.keys()
    before = path.read_bytes()
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save_atomically({"a": torch.ones(1000), "b": lambda: None}, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["net.pth"]


def test_hash_is_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert file_sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
