"""The hash by which a result tells whether its config has changed."""

from common.config_hash import config_hash


def test_a_configs_hash_tells_no_folders_and_no_workers(tmp_path, monkeypatch):
    hashes = []
    for place, workers in (("one", 1), ("two", 4)):
        root = tmp_path / place
        root.mkdir()
        (root / "c.py").write_text(
            f"model = dict(config='{{{{ fileDirname }}}}/t.py')\n"
            f"train_dataloader = dict(batch_size=8, num_workers={workers}, dataset=dict(data_root='{root}/data'))\n"
        )
        monkeypatch.setattr("common.config_hash.PROJECT_ROOT", root)
        monkeypatch.chdir(root)
        hashes.append(config_hash("c.py", "test"))
    assert hashes[0] == hashes[1]
    assert config_hash("c.py", "test", ["train_dataloader.batch_size=4"]) != hashes[0]
