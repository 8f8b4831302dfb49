import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.cost import count_macs, count_parameters, cpu_latencies, one_thread, weight_bytes
from common.errors import ConfigError


class Attention(nn.Module):
    """Dot-product attention of a sequence with itself, without weights."""

    def forward(self, tokens):
        return F.scaled_dot_product_attention(tokens, tokens, tokens)


class LastStep(nn.Module):
    """A recurrent layer's output."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, steps):
        return self.layer(steps)[0]


@pytest.mark.parametrize(
    ("model", "shape", "macs"),
    [
        (nn.Linear(5, 7), (1, 5), 5 * 7),
        (nn.Linear(5, 7), (3, 5), 3 * 5 * 7),
        (nn.Conv1d(4, 6, 3), (1, 4, 10), 8 * 6 * 4 * 3),
        (nn.Conv1d(4, 4, 3, groups=4), (1, 4, 10), 8 * 4 * 3),
        (nn.Conv2d(2, 3, (2, 4), stride=2), (1, 2, 6, 8), 3 * 3 * 3 * 2 * 2 * 4),
        # Four gates of an LSTM, three of a GRU, each from the input and the hidden state, at each of 7 steps.
        (LastStep(nn.LSTM(3, 5, batch_first=True)), (1, 7, 3), 7 * 4 * 5 * (3 + 5)),
        (LastStep(nn.GRU(3, 5, batch_first=True)), (1, 7, 3), 7 * 3 * 5 * (3 + 5)),
        # Two products of 16 tokens with 16 tokens in 8 channels, for each of 2 heads.
        (Attention(), (1, 2, 16, 8), 2 * 2 * 16 * 16 * 8),
        (
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            (1, 16, 8),
            16 * (4 * 8 * 8 + 2 * 16 * 8 + 2 * 8 * 16),
        ),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)), (1, 4, 10), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_macs_are_those_of_the_layers_matrix_products(model, shape, macs):
    assert count_macs(model.eval(), torch.randn(shape)) == macs


def test_counting_leaves_the_network_as_it_is():
    model = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_macs(model, torch.randn(1, 2, 8))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_parameters_and_bytes_leave_out_counters_and_follow_the_precision():
    model = nn.Sequential(nn.Conv1d(2, 3, 5), nn.BatchNorm1d(3))
    # 3 * 2 * 5 + 3 weights, 3 + 3 of batch norm, whose 3 + 3 statistics are read too.
    assert count_parameters(model) == 39
    assert weight_bytes(model) == 4 * (39 + 6)
    assert weight_bytes(model.half()) == 2 * (39 + 6)


class Clock:
    """A clock that goes on while the networks run."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def network(self, seconds):
        seconds = iter(seconds)

        def run(_):
            self.now += next(seconds)

        return run


def test_latency_is_the_median_and_95th_percentile_of_the_rounds_after_warming_up():
    clock = Clock()
    models = {"slow": clock.network([9.0, *range(1, 102)]), "fast": clock.network([9.0] + [0.5] * 101)}
    found = cpu_latencies(models, torch.zeros(1), rounds=101, warmup=1, clock=clock)
    assert found["slow"] == pytest.approx((51_000, 96_000))
    assert found["fast"] == pytest.approx((500, 500))


def test_each_network_may_have_inputs_of_its_own():
    seen = []
    models = {name: lambda given: seen.append(given.item()) for name in ("a", "b")}
    cpu_latencies(models, {"a": torch.tensor(1), "b": torch.tensor(2)}, rounds=1, warmup=0)
    assert sorted(seen) == [1, 2]


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_networks_are_timed_without_gradients():
    seen = []
    cpu_latencies({"a": lambda _: seen.append(torch.is_inference_mode_enabled())}, torch.zeros(1), rounds=1, warmup=0)
    assert seen == [True]


def test_latency_of_no_round_is_refused():
    with pytest.raises(ConfigError, match="at least 1 round"):
        cpu_latencies({}, torch.zeros(1), rounds=0)
