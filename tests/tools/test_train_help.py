"""What `tools/train.py --help` says of methods, which stand in the tasks."""

import runpy

import pytest
from conftest import ROOT

from tasks import ENTRIES, entry_of


@pytest.mark.parametrize("task", ENTRIES)
def test_help_names_the_default_method_of_every_task(task, capsys):
    main = runpy.run_path(str(ROOT / "tools" / "train.py"))["main"]
    with pytest.raises(SystemExit):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert f"{entry_of(task).DEFAULT_METHOD} (default)" in told
