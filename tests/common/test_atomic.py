"""Files appear whole or not at all."""

import stat

import pytest
import torch
from mmengine.fileio import get_file_backend
from mmengine.runner.checkpoint import save_checkpoint

from common.atomic import AtomicLocalBackend, atomic_write, remove_unfinished, use_atomic_writes


def test_file_appears_at_the_end_of_the_block_in_a_new_folder(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_write(path, "w") as file:
        file.write("straße")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "straße"


def test_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted():
        with atomic_write(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "file") as file:
        file.write(b"x")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    for name in (".iter_3.pth.a1b2.tmp", "iter_3.pth", ".hidden", "notes.tmp"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "iter_3.pth", "notes.tmp"]


def test_engine_writes_through_the_atomic_backend_even_where_it_had_one_before(tmp_path):
    get_file_backend(str(tmp_path))  # the engine keeps the backends it has made
    use_atomic_writes()
    assert isinstance(get_file_backend(str(tmp_path)), AtomicLocalBackend)
    assert isinstance(get_file_backend("file.txt", backend_args={"backend": "local"}), AtomicLocalBackend)


def test_engines_checkpoint_is_never_half_there(tmp_path, monkeypatch):
    use_atomic_writes()
    path = tmp_path / "iter_1.pth"
    save_checkpoint({"state_dict": {"a": torch.zeros(3)}}, str(path))
    before = path.read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("common.atomic.os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint({"state_dict": {"a": torch.ones(3)}}, str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_engine_writes_text_too(tmp_path):
    AtomicLocalBackend().put_text("été", tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "été"
