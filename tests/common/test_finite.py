import pytest
import torch

from common.finite import NonFiniteLossError, check_finite


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_stops_and_is_named(bad):
    losses = {"loss": torch.tensor(bad), "decode.loss_ce": torch.tensor(1.0), "loss_kd": torch.tensor(bad)}
    with pytest.raises(NonFiniteLossError, match=f"^loss_kd became {bad} at step 7; lower the learning rate"):
        check_finite(losses, 7)


def test_finite_losses_pass():
    check_finite({"loss": torch.tensor(1e38), "loss_kd": 0.0}, 0)
