_base_ = "../runtime.py"
default_scope = "mmdet"
custom_imports = dict(imports=["common.engine", "tasks.det"], allow_failed_imports=False)
visualizer = dict(type="DetLocalVisualizer")
val_evaluator = dict(type="BoxScores")
test_evaluator = val_evaluator
