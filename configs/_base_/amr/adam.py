# Adam and its rate as the survey's networks were trained with (AMR-Benchmark).
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3))
