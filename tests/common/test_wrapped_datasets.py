from common.wrapped_datasets import innermost_datasets

A, B = {"type": "A"}, {"type": "B"}


def test_nested_wrappers_are_looked_into():
    joined = {"type": "ConcatDataset", "datasets": [A, {"type": "RepeatDataset", "times": 2, "dataset": B}]}
    assert list(innermost_datasets(joined)) == [A, B]
    assert list(innermost_datasets(A)) == [A]
    assert list(innermost_datasets({"type": "ConcatDataset", "datasets": []})) == []
