"""The shape model: the authors' soft landmarks, scikit-learn's components, and files that are none."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_files import golden_cases
from sklearn.decomposition import PCA

from common.errors import ConfigError, DataError
from common.landmark_files.scheme import LandmarkScheme, load_scheme
from tasks.landmarks.shape_model import ShapeModel
from tasks.landmarks.shape_pictures import draw_modes


def faces(count=60, coordinates=12, seed=0):
    """Shapes that vary in a few ways, strongly in the first."""
    random = np.random.default_rng(seed)
    ways = random.normal(size=(coordinates, coordinates)) * 0.5 ** np.arange(coordinates)
    return random.normal(size=(count, coordinates)) @ ways.T + random.uniform(-0.5, 0.5, coordinates)


@pytest.fixture
def model():
    return ShapeModel.fit(faces(), variance=0.9)


@pytest.mark.parametrize("case", golden_cases("soft_landmarks"), ids=lambda case: case.name)
def test_soft_landmarks_are_the_authors(case):
    train, new = (case[key].numpy() for key in ("train", "new"))
    model = ShapeModel.fit(train, case.hp("percent") / 100)
    assert len(model.eigenvalues) == int(case["n_components"])
    np.testing.assert_allclose(model.mean, case["mean"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.eigenvalues, case["eigenvalues"], rtol=1e-9)
    np.testing.assert_allclose(
        np.abs(model.modes.T @ case["eigenvectors"].numpy()), np.eye(len(model.eigenvalues)), atol=1e-9
    )
    explained = case["explained_ratio_cumulative"][: len(model.eigenvalues)]
    np.testing.assert_allclose(np.cumsum(model.explained), explained, rtol=1e-9)
    np.testing.assert_allclose(model.project(train), case["soft_train"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.project(new), case["soft_new"], rtol=1e-9, atol=1e-12)
    clipped = np.abs((new - model.mean) @ model.modes) > 3 * np.sqrt(model.eigenvalues)
    assert int(clipped.sum()) == int(case["clipped_coefficients_new"])


@pytest.mark.parametrize("variance", [0.3, 0.8, 0.9, 0.97, 0.999])
@pytest.mark.parametrize("count", [8, 60])
def test_modes_are_scikit_learns(variance, count):
    points = faces(count)
    model, pca = ShapeModel.fit(points, variance), PCA(n_components=variance).fit(points)
    assert len(model.eigenvalues) == pca.n_components_
    np.testing.assert_allclose(model.eigenvalues, pca.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(model.explained, pca.explained_variance_ratio_, rtol=1e-9)
    expected = pca.inverse_transform(pca.transform(points))
    np.testing.assert_allclose(model.project(points, clip=None), expected, atol=1e-12)


def test_as_many_modes_as_it_takes_to_exceed_the_share():
    # Four faces with variances 4 : 3 : 1 along three coordinates: the first two explain 0.875 exactly.
    points = np.zeros((6, 4))
    for coordinate, length in enumerate((2.0, 3**0.5, 1.0)):
        points[2 * coordinate, coordinate], points[2 * coordinate + 1, coordinate] = length, -length
    assert len(ShapeModel.fit(points, 0.87).eigenvalues) == 2
    assert len(ShapeModel.fit(points, 0.88).eigenvalues) == 3
    np.testing.assert_allclose(ShapeModel.fit(points, 0.88).eigenvalues, [8 / 5, 6 / 5, 2 / 5])
    assert len(ShapeModel.fit(points, 0.999999999).eigenvalues) == 3
    even = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # half of the variance along each
    assert len(ShapeModel.fit(even, 0.5).eigenvalues) == 2


def test_coefficients_are_clipped_at_three_deviations():
    points = np.array([[-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])  # variance 4/3 along x
    model = ShapeModel.fit(points)
    far = np.array([[100.0, 7.0], [-1.5, 7.0]])
    np.testing.assert_allclose(model.project(far), [[3 * (4 / 3) ** 0.5, 0.0], [-1.5, 0.0]], atol=1e-12)
    np.testing.assert_allclose(
        model.project(far, clip=1.0), [[(4 / 3) ** 0.5, 0.0], [-((4 / 3) ** 0.5), 0.0]], atol=1e-12
    )
    np.testing.assert_allclose(model.project(far, clip=None), [[100.0, 0.0], [-1.5, 0.0]], atol=1e-12)


def test_all_of_the_variance_is_the_identity():
    model, far = ShapeModel.fit(faces(), variance=1.0), 50 * faces(5, seed=1)
    np.testing.assert_array_equal(model.project(far), far)
    assert model.project(far) is not far
    tensor = torch.from_numpy(far).float()
    assert torch.equal(model.project(tensor), tensor)
    assert len(model.eigenvalues) == 12


def test_projecting_twice_is_projecting_once(model):
    once = model.project(faces(seed=1) * 3)
    np.testing.assert_allclose(model.project(once), once, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
def test_tensors_and_arrays_agree_in_any_number_of_axes(model, dtype):
    points = torch.from_numpy(faces(6, seed=2)).to(dtype)
    soft = model.project(points)
    assert soft.dtype == dtype
    assert model.project(points.numpy()).dtype == points.numpy().dtype
    # The sums may be taken in another order.
    torch.testing.assert_close(torch.from_numpy(model.project(points.numpy())), soft)
    torch.testing.assert_close(model.project(points.view(2, 3, 12)), soft.view(2, 3, 12))
    torch.testing.assert_close(model.project(points[0]), soft[0])


def test_integers_become_floats(model):
    whole = np.round(10 * faces(2)).astype(np.int64)
    np.testing.assert_allclose(model.project(whole), model.project(whole.astype(np.float64)))
    assert model.project(torch.from_numpy(whole)).dtype == torch.float64


def test_order_and_signs_do_not_depend_on_the_order_of_the_faces(model):
    other = ShapeModel.fit(faces()[::-1], 0.9)
    np.testing.assert_allclose(other.modes, model.modes, atol=1e-9)
    assert (np.diff(model.eigenvalues) < 0).all()
    assert (model.modes[np.abs(model.modes).argmax(axis=0), range(len(model.eigenvalues))] > 0).all()


def test_a_model_of_fewer_faces_than_coordinates_has_a_mode_less_than_faces():
    assert ShapeModel.fit(faces(5), 1.0).modes.shape == (12, 4)
    assert ShapeModel.fit(faces(2), 0.9).modes.shape == (12, 1)
    for seed in range(20):  # the sum of all shares can be a little below 1
        assert ShapeModel.fit(faces(20, seed=seed), np.nextafter(1, 0)).modes.shape == (12, 12)


def test_saved_models_are_the_same(model, tmp_path):
    model.save(tmp_path / "shape_model.npz")
    for other in (ShapeModel.load(tmp_path / "shape_model.npz"), ShapeModel.from_dict(model.to_dict())):
        np.testing.assert_array_equal(other.project(faces(seed=3)), model.project(faces(seed=3)))
        assert (other.variance, other.total_variance) == (0.9, model.total_variance)
    assert [file.name for file in tmp_path.iterdir()] == ["shape_model.npz"]
    tensors = {key: torch.from_numpy(array) for key, array in model.to_dict().items()}
    np.testing.assert_array_equal(ShapeModel.from_dict(tensors).modes, model.modes)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (faces(1), "at least 2 faces to find their variance but found 1"),
        (faces(0), "at least 2 faces .*found 0"),
        (np.ones((5, 4)), "faces that differ but found 5 alike"),
        (np.full((3, 4), 0.1), "faces that differ"),  # their mean is 0.1 but for rounding
        (faces(coordinates=7), r"shape \(N, 2n\) but found \(60, 7\)"),
        (faces().reshape(60, 6, 2), r"shape \(N, 2n\) but found \(60, 6, 2\)"),
        (np.where(np.arange(12) == 4, np.nan, faces()), r"found 60 of 720 that are not, the first nan at \(0, 4\)"),
        (np.where(np.arange(12) == 4, np.inf, faces()), "first inf"),
    ],
)
def test_faces_that_have_no_model_are_refused(points, message):
    with pytest.raises(DataError, match=message):
        ShapeModel.fit(points)


@pytest.mark.parametrize("variance", [0.0, -0.5, 90, float("nan")])
def test_a_variance_that_is_no_share_is_refused(variance):
    with pytest.raises(ValueError, match=r"a share above 0 and at most 1 \(0.9 for 90 %\) but found"):
        ShapeModel.fit(faces(), variance)


def test_points_that_do_not_fit_the_model_are_refused(model):
    with pytest.raises(DataError, match=r"shape \(..., 12\), as the shape model's 6 points, but found \(3, 10\)"):
        model.project(np.zeros((3, 10)))
    with pytest.raises(DataError, match=r"found \(12, 6\)"):
        model.project(torch.zeros(12, 6))
    with pytest.raises(DataError, match=r"1 of 12 that are not, the first nan at \(3,\)"):
        model.project(torch.arange(12).float().masked_fill(torch.arange(12) == 3, torch.nan))
    with pytest.raises(ValueError, match="clip to be at least 0 but found -1"):
        model.project(faces(), clip=-1)


def changed(model, **arrays):
    return {**model.to_dict(), **{key: np.asarray(array) for key, array in arrays.items()}}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"modes": np.zeros((12, 9))}, r"found mean \(12,\), modes \(12, 9\), eigenvalues"),
        ({"mean": np.zeros((12, 1))}, r"found mean \(12, 1\)"),
        ({"variance": [0.9]}, "found mean"),
        ({"mean": np.full(12, np.nan)}, "found NaN or infinity in it"),
        ({"variance": 90}, "variances that are not above 0"),
        ({"mean": ["a"] * 12}, "expected numbers as a shape model"),
    ],
)
def test_files_with_other_arrays_are_refused_by_name(model, tmp_path, arrays, message):
    path = tmp_path / "other.npz"
    np.savez(path, **changed(model, **arrays))
    with pytest.raises(DataError, match=rf"(?s){message}") as error:
        ShapeModel.load(path)
    assert str(path) in str(error.value)


def test_modes_that_are_not_orthonormal_are_refused(model):
    with pytest.raises(DataError, match="in a dict but found modes that are not orthonormal"):
        ShapeModel.from_dict(changed(model, modes=2 * model.modes))


def test_files_that_are_no_shape_model_are_refused_by_name(model, tmp_path):
    whole = tmp_path / "whole.npz"
    model.save(whole)
    content = whole.read_bytes()
    files = {
        "cut.npz": content[: len(content) // 2],
        "flipped.npz": content.replace(model.mean.tobytes()[:8], b"\x00" * 8),
        "empty.npz": b"",
        "text.npz": b"n_points: 68",
        "pickled.npz": pickle.dumps(model.to_dict()),
    }
    for name, wrong in files.items():
        (tmp_path / name).write_bytes(wrong)
        with pytest.raises(DataError, match=rf"expected a shape model .*{name}"):
            ShapeModel.load(tmp_path / name)
    np.save(tmp_path / "single.npy", model.mean)
    with pytest.raises(DataError, match=r"single.npy but found a single array \(12,\)"):
        ShapeModel.load(tmp_path / "single.npy")
    np.savez(tmp_path / "golden.npz", student=np.zeros(3))
    with pytest.raises(DataError, match=r"golden.npz but found no mean; it has student"):
        ShapeModel.load(tmp_path / "golden.npz")
    with pytest.raises(DataError, match=r"expected a shape model at .*missing.npz but found no file"):
        ShapeModel.load(tmp_path / "missing.npz")
    with pytest.raises(DataError, match="cannot read it"):
        ShapeModel.load(tmp_path)


def test_objects_in_a_file_are_not_unpickled(model, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "trap.npz", **{**model.to_dict(), "mean": np.array([Trap()], dtype=object)})
    with pytest.raises(DataError, match=r"trap\.npz"):
        ShapeModel.load(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def scheme(points=6, lines=((0, 1, 2),)):
    return LandmarkScheme("own", points, tuple(range(points)), ocular=((0,), (1,)), lines=lines)


@pytest.mark.parametrize("lines", [((0, 1, 2), (3, 4)), ()])
def test_picture_has_a_row_for_each_mode(lines):
    model = ShapeModel.fit(faces(), 0.999)
    one, three = (draw_modes(model, scheme(lines=lines), modes=modes, sigmas=(-2, 0, 2)) for modes in (1, 3))
    assert one.dtype == np.uint8
    assert one.shape[2] == 3
    assert one.shape[1] == three.shape[1]
    assert three.shape[0] == pytest.approx(3 * one.shape[0], abs=3)
    assert (one < 100).any()


def test_picture_of_a_model_with_few_modes_has_few_rows():
    model = ShapeModel.fit(faces(2))
    assert draw_modes(model, scheme(), modes=4).shape == draw_modes(model, scheme(), modes=1).shape


def test_picture_needs_the_schemes_number_of_points(model):
    with pytest.raises(
        ConfigError, match="expected a scheme of the shape model's 6 points but found 68 points in scheme '68'"
    ):
        draw_modes(model, load_scheme("68"))


def test_moved_shapes_lie_along_the_mode(model):
    np.testing.assert_allclose(model.shape(0, 0.0).ravel(), model.mean)
    step = model.shape(1, 2.0).ravel() - model.mean
    np.testing.assert_allclose(step, 2 * np.sqrt(model.eigenvalues[1]) * model.modes[:, 1])
