"""Classification: a head for any network, data sets, scores; the testbed of the general distillation methods."""

from common.classification import datasets, example, metrics, model, networks  # noqa: F401
