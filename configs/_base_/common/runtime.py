_base_ = "../runtime.py"
task = "classification"
default_scope = "mmengine"
custom_imports = dict(imports=["common.engine", "common.classification"], allow_failed_imports=False)
val_evaluator = dict(type="ClassScores")
test_evaluator = val_evaluator
