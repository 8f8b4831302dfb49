"""Every network: its size, its shape, its taps, and the file that it is deployed as."""

import inspect

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.registry import MODELS
from torch import nn

import tasks.amr.models
from common.errors import ConfigError
from common.export import export_onnx
from common.taps import Taps
from tasks.amr.models import (
    CNN3,
    KDCNN,
    MCLDNN,
    PETCGDNN,
    RML22CNN,
    VTCNN2,
    ClST,
    InceptionResNet,
    IQResNet,
    KDMobileNet,
    MiniInceptionResNet,
)
from tasks.amr.models.layers import Recurrent
from tasks.amr.models.mcldnn import MultiChannelConvolutions
from tasks.amr.models.petcgdnn import PhaseCorrection
from tasks.amr.models.vtcnn2 import PictureConvolutions

ALL = [
    (CNN3, {}),
    (KDCNN, {}),
    (MCLDNN, {}),
    (PETCGDNN, {}),
    (RML22CNN, {}),
    (VTCNN2, {}),
    (ClST, {"size": "xs"}),
    (InceptionResNet, {"width": 16, "depths": (1, 1)}),
    (IQResNet, {}),
    (KDMobileNet, {}),
    (MiniInceptionResNet, {"width": 16, "depths": (1, 1)}),
]
every_network = pytest.mark.parametrize(("network", "options"), ALL, ids=[network.__name__ for network, _ in ALL])


def parameters(network, *args, **options):
    with torch.device("meta"):
        model = network(*args, **options)
    return sum(parameter.numel() for parameter in model.parameters())


def built(network, options, **more):
    torch.manual_seed(0)
    return network(**options, **more).eval()


# Published, or computed from the layers by hand: see the brief.
@pytest.mark.parametrize(
    ("network", "options", "expected"),
    [
        (ClST, {"size": "xs"}, 385_621),
        (ClST, {"size": "s"}, 754_581),
        (ClST, {"size": "b"}, 3_775_733),
        (KDCNN, {}, 20_459),
        (KDMobileNet, {}, 25_683),
        (RML22CNN, {}, 86_379),
        (RML22CNN, {"num_classes": 10}, 86_250),
        (PETCGDNN, {}, 71_871),
        (MCLDNN, {}, 406_199),
        (MCLDNN, {"num_classes": 10}, 406_070),
        (IQResNet, {}, 3_098_283),
        (VTCNN2, {}, 1_592_383),
    ],
)
def test_parameters_for_frames_of_128(network, options, expected):
    assert parameters(network, **options) == expected


def test_parameters_for_24_classes_and_frames_of_1024():
    """What grows: 13 more classes in each head, and the first dense layer where the frame is flattened into it."""
    assert parameters(ClST, 24, 1024, size="s") == 754_581 + 13 * (128 + 1)
    assert parameters(KDCNN, 24, 1024) == 20_459 + 13 * (64 + 1)
    assert parameters(KDMobileNet, 24, 1024) == 25_683 + 13 * (96 + 1)
    assert parameters(RML22CNN, 24, 1024) == 86_379 + 13 * (128 + 1) + 32 * 112 * 128
    assert parameters(PETCGDNN, 24, 1024) == 71_871 + 13 * (128 + 1) + 2 * 896
    assert parameters(MCLDNN, 24, 1024) == 406_199 + 13 * (128 + 1)
    assert parameters(IQResNet, 24, 1024) == 3_098_283 + 13 * (128 + 1) + 160 * 896 * 128
    assert parameters(VTCNN2, 24, 1024) == 1_592_383 + 13 * (256 + 1) + 50 * 896 * 256


def clst_count(dims, depths, ratio, classes=11, psca_kernel=7, reduction=8, kernels=(7, 3, 3)):
    """Embedding: convolution and norm. Block: two norms, three projections, the output, the MLP. PSCA. Head."""
    total, before = 0, 2
    for dim, depth, kernel in zip(dims, depths, kernels, strict=True):
        block = 4 * dim + 3 * (3 * dim + 2 * dim) + 3 * (dim * dim + dim) + (dim * dim + dim)
        block += 2 * ratio * dim * dim + ratio * dim + dim
        total += before * dim * kernel + dim + 2 * dim + depth * block + 2 * dim * dim // reduction + 2 * psca_kernel
        before = dim
    return total + 2 * before + before * classes + classes


def test_choices_of_the_reconstruction_can_be_made_otherwise():
    assert parameters(ClST, size="xs") == clst_count((32, 64, 128), (1, 2, 2), 2)
    other = {"dims": (16, 32, 48), "depths": (1, 1, 3), "heads": (1, 2, 3), "mlp_ratio": 3, "kernels": (9, 5, 3)}
    other |= {"psca_kernel": 5, "psca_reduction": 4}
    expected = clst_count((16, 32, 48), (1, 1, 3), 3, psca_kernel=5, reduction=4, kernels=(9, 5, 3))
    assert parameters(ClST, **other) == expected


def test_cnn3_takes_the_space_that_its_paper_gives():
    by_hand = (2 * 64 * 8 + 64) + (64 * 128 * 5 + 128) + (128 * 128 * 3 + 128) + (128 * 11 + 11)
    assert parameters(CNN3) == by_hand == 92_875
    assert round(4 * by_hand / 1e6, 2) == 0.37


def inception_count(width, depths, classes=11):
    """Convolutions without bias and their norms; the merging convolutions have a bias."""

    def conv(before, after, kernel):
        return before * after * kernel + 2 * after

    half, wide = width // 2, 2 * width
    stem = conv(2, half, 7) + conv(half, width, 3)
    block_a = 3 * conv(width, half, 1) + 3 * conv(half, half, 3) + (3 * half * width + width)
    reduction = conv(width, half, 3) + conv(width, half, 1) + 2 * conv(half, half, 3)
    block_b = 2 * conv(wide, width, 1) + conv(width, width, 7) + (2 * width * wide + wide)
    return stem + depths[0] * block_a + reduction + depths[1] * block_b + wide * classes + classes


def test_inception_resnets_are_near_the_sizes_that_their_paper_gives():
    """311.77 MB and 39.69 MB; the layers are ours, so that the counts are ours too."""
    teacher, mini = parameters(InceptionResNet), parameters(MiniInceptionResNet)
    assert teacher == inception_count(656, (5, 10)) == 78_097_467
    assert mini == inception_count(464, (2, 2)) == 9_826_603
    assert 4 * teacher / 1e6 == pytest.approx(311.77, rel=0.01)
    assert 4 * mini / 1e6 == pytest.approx(39.69, rel=0.01)


@every_network
@pytest.mark.parametrize(("classes", "length", "batch"), [(11, 128, 3), (24, 1024, 1)])
def test_logits_have_a_score_for_each_class(network, options, classes, length, batch):
    model = built(network, options, num_classes=classes, length=length)
    with torch.no_grad():
        assert model(torch.randn(batch, 2, length)).shape == (batch, classes)


@every_network
def test_taps_give_the_features_over_time_and_of_the_frame(network, options):
    model = built(network, options)
    taps = Taps(model, {name: name for name in ("encoder", "features", "classifier")})
    with taps.capture() as found, torch.no_grad():
        logits = model(torch.randn(2, 2, 128))
    assert found["encoder"].ndim == 3
    assert found["features"].shape == (2, model.num_features)
    assert torch.equal(found["classifier"], logits)
    assert torch.equal(model.classifier(found["features"]), logits)


@every_network
def test_every_parameter_learns(network, options):
    model = built(network, options).train()
    nn.functional.cross_entropy(model(torch.randn(4, 2, 128)), torch.tensor([0, 1, 2, 3])).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()] == []


@every_network
def test_scale_of_the_receiver_does_not_matter_by_default_and_does_with_none(network, options):
    frames = torch.randn(2, 2, 128, dtype=torch.float64)
    with torch.no_grad():
        normalised, raw = built(network, options).double(), built(network, options, normalize="none").double()
        torch.testing.assert_close(normalised(1e-3 * frames), normalised(frames), rtol=1e-9, atol=1e-12)
        assert not torch.allclose(raw(1e-3 * frames), raw(frames), rtol=1e-6, atol=1e-9)


@every_network
def test_can_be_built_from_a_config_by_its_name(network, options):
    cfg = {"type": network.__name__, "num_classes": 5, **options}
    model = MODELS.build(cfg)
    assert type(model) is network
    assert model.classifier.out_features == 5
    assert network.__name__ in tasks.amr.models.__all__


@every_network
def test_first_arguments_are_the_same_for_all(network, options):
    names = list(inspect.signature(network).parameters.values())[:3]
    assert [(p.name, p.default) for p in names] == [("num_classes", 11), ("length", 128), ("normalize", "rms")]


@every_network
def test_frames_of_another_shape_are_refused(network, options):
    model = built(network, options)
    for shape in ((2, 128), (1, 3, 128), (1, 2, 127), (1, 128, 2)):
        with pytest.raises(ValueError, match=r"expected IQ frames \(B, 2, 128\) for .* but found"):
            model(torch.zeros(shape))


@every_network
def test_onnx_computes_the_same_at_any_batch_size(network, options, tmp_path):
    path = tmp_path / "network.onnx"
    frames = 6e-3 * torch.randn(2, 2, 128, generator=torch.Generator().manual_seed(1))
    model = built(network, options)
    export_onnx(model, path, frames, ["iq"], ["logits"], tolerance=1e-4, timing_runs=1)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    more = torch.randn(5, 2, 128) * torch.logspace(-4, 2, 5)[:, None, None]
    (found,) = session.run(None, {"iq": more.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, model(more).numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("network", "operator"), [(MCLDNN, "LSTM"), (PETCGDNN, "GRU")])
def test_recurrent_layers_of_1024_steps_are_one_operator(network, operator, tmp_path):
    path = tmp_path / "network.onnx"
    model = network(24, 1024).eval()
    export_onnx(model, path, torch.randn(2, 2, 1024), ["iq"], ["logits"], tolerance=1e-4, timing_runs=1)
    nodes = [node.op_type for node in onnx.load(path).graph.node]
    assert operator in nodes
    assert "Loop" not in nodes
    assert len(nodes) < 60


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_gates_of_an_exported_recurrent_layer_are_in_their_places(layer, tmp_path):
    torch.manual_seed(0)
    model = Recurrent(layer(3, 5, batch_first=True))
    for parameter in model.parameters():  # all gates far apart
        nn.init.normal_(parameter)
    export_onnx(model, tmp_path / "a.onnx", torch.randn(2, 3, 7), ["x"], ["y"], tolerance=1e-5, timing_runs=1)


def test_attention_maps_of_clst_can_be_tapped():
    model = ClST(size="xs").eval()
    taps = Taps(
        model, {"map": "encoder.1.blocks.-1.attention.softmax", "last": "encoder.-1.blocks.-1.attention.softmax"}
    )
    with taps.capture() as found, torch.no_grad():
        model(torch.randn(2, 2, 128))
    assert found["map"].shape == (2, 2, 32, 16)  # keys at every second position
    assert found["last"].shape == (2, 4, 16, 16)  # short stages keep all
    torch.testing.assert_close(found["map"].sum(-1), torch.ones(2, 2, 32))


@pytest.mark.parametrize(("length", "tokens"), [(128, [64, 32, 16]), (1024, [256, 128, 64])])
def test_stages_of_clst_have_fewer_and_fewer_positions(length, tokens):
    model = ClST(length=length, size="xs").eval()
    taps = Taps(model, {str(stage): f"encoder.{stage}" for stage in range(3)})
    with taps.capture() as found, torch.no_grad():
        model(torch.randn(1, 2, length))
    assert [found[str(stage)].shape[2] for stage in range(3)] == tokens


def test_drop_path_rises_over_the_blocks_of_clst():
    model = ClST(size="s", drop_path=0.25)
    drops = [module.drop_prob for name, module in model.named_modules() if name.endswith("drop_path")]
    np.testing.assert_allclose(drops, np.linspace(0, 0.25, 6))


def test_phase_correction_turns_by_its_angle():
    module = PhaseCorrection(8)
    frames = torch.randn(3, 2, 8)
    with torch.no_grad():
        angle = module.angle(frames.flatten(1)).numpy()
        turned = module(frames).numpy()
    expected = (frames[:, 0] + 1j * frames[:, 1]).numpy() * np.exp(-1j * angle)
    np.testing.assert_allclose(turned[:, 0] + 1j * turned[:, 1], expected, rtol=1e-5, atol=1e-6)


def reach(module, inputs, output):
    """The samples, relative to a position, that its output depends on."""
    frames = torch.rand(1, 2, 40, requires_grad=True)
    captured = []
    handle = getattr(module, output).register_forward_hook(lambda *args: captured.append(args[2]))
    module.eval()(frames)
    handle.remove()
    captured[0][..., 20].sum().backward()
    touched = np.flatnonzero(frames.grad[0, inputs].abs().sum(0).numpy())
    return touched.min() - 20, touched.max() - 20


def test_even_kernels_are_padded_as_keras_does():
    assert reach(PictureConvolutions(0.0), [0, 1], "rows") == (-3, 4)
    assert reach(MultiChannelConvolutions(), [0, 1], "both") == (-3, 4)


def test_rows_of_mcldnn_are_convolved_causally():
    assert reach(MultiChannelConvolutions(), [0], "in_phase") == (-7, 0)
    assert reach(MultiChannelConvolutions(), [1], "quadrature") == (-7, 0)


def test_weights_start_as_in_keras():
    torch.manual_seed(0)
    model = MCLDNN()
    lstm = model.encoder[2].layer
    forget = slice(128, 256)
    assert (lstm.bias_ih_l0[forget] + lstm.bias_hh_l0[forget] == 1).all()
    assert lstm.bias_ih_l0.sum() + lstm.bias_hh_l0.sum() == 128
    product = lstm.weight_hh_l0.T @ lstm.weight_hh_l0
    torch.testing.assert_close(product, torch.eye(128), rtol=0, atol=1e-4)
    bound = (6 / (128 + 512)) ** 0.5
    assert 0.98 * bound < lstm.weight_ih_l0.abs().max() <= bound
    assert model.classifier.bias.abs().max() == 0


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (KDCNN, {"num_classes": 1}, "num_classes of at least 2 for KDCNN but found 1"),
        (RML22CNN, {"length": 8}, "at least 16 samples for RML22CNN but found 8"),
        (KDCNN, {"widths": (8, 8)}, r"as many kernels as widths \(2\) but found 4"),
        (CNN3, {"kernels": (3,)}, r"as many kernels as widths \(3\) but found 1"),
        (KDMobileNet, {"strides": (2,)}, r"as many strides as widths \(6\) but found 1"),
        (ClST, {"size": "large"}, "size 'xs', 's', 'b' but found 'large'"),
        (ClST, {"depths": (1, 2)}, r"as many depths as dims \(3\) but found \(1, 2\)"),
        (ClST, {"heads": (1, 3, 4)}, "dim 64 with 3 heads"),
        (InceptionResNet, {"width": 15}, "even width and two depths but found width 15"),
        (KDCNN, {"normalize": "max"}, "normalisation"),
    ],
)
def test_choices_that_do_not_fit_are_refused(network, options, message):
    with pytest.raises(ConfigError, match=message):
        network(**options)
