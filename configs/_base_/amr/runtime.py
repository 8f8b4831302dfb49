_base_ = "../common/runtime.py"
task = "amr"
custom_imports = dict(imports=["common.engine", "common.classification", "tasks.amr"], allow_failed_imports=False)
val_evaluator = dict(type="SignalScores")
test_evaluator = val_evaluator
