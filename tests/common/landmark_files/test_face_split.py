import dataclasses
from pathlib import Path

import numpy as np
import pytest

from common.errors import ConfigError, DataError
from common.landmark_files import Face, read_folder, split_faces


def faces_named(*names):
    return [Face(Path(f"{name}.jpg"), np.zeros((1, 2), np.float32), np.ones(1, bool)) for name in names]


FACES = faces_named(*(f"face{number}" for number in range(10)))
# Eight people with 1 to 8 faces each, 36 in all.
PEOPLE = faces_named(*(f"person{person}_{number}" for person in range(8) for number in range(person + 1)))
PERSON = r"^(person\d+)_"


def names(faces):
    return [face.name for face in faces]


@pytest.mark.parametrize(("share", "count"), [(0.1, 1), (0.3, 3), (0.32, 3), (0.36, 4), (0.99, 9), (0.001, 1)])
def test_share_of_the_faces_is_held_out(share, count):
    kept, held = split_faces(FACES, share, seed=0)
    assert len(held) == count
    assert sorted(names(kept) + names(held)) == names(FACES)


def test_both_parts_keep_their_order():
    for part in split_faces(FACES, 0.5, seed=3):
        assert names(part) == sorted(names(part))


def test_draw_depends_on_the_seed_and_the_names_alone():
    drawn = {seed: names(split_faces(FACES, 0.3, seed)[1]) for seed in range(5)}
    assert len({tuple(held) for held in drawn.values()}) > 1
    for seed, held in drawn.items():
        assert sorted(names(split_faces(FACES[::-1], 0.3, seed)[1])) == sorted(held)


@pytest.mark.parametrize("seed", range(5))
def test_no_person_is_in_both_parts(seed):
    kept, held = split_faces(PEOPLE, 0.25, seed, group=PERSON)
    assert not {face.name.split("_")[0] for face in kept} & {face.name.split("_")[0] for face in held}
    # Of 36; drawn in any order, people of 1 to 8 faces come as close as half the largest.
    assert abs(len(held) - 9) <= 4


def test_function_tells_groups_as_the_expression_does():
    by_function = split_faces(PEOPLE, 0.25, 1, group=lambda face: face.name.split("_")[0])
    assert names(by_function[1]) == names(split_faces(PEOPLE, 0.25, 1, group=PERSON)[1])


def test_expression_without_a_group_of_its_own_takes_the_whole_match():
    whole = split_faces(PEOPLE, 0.25, 1, group=r"^person\d+")
    assert names(whole[1]) == names(split_faces(PEOPLE, 0.25, 1, group=PERSON)[1])


def test_smallest_group_is_held_out_where_all_are_too_large():
    faces = faces_named("a_1", "a_2", "a_3", "b_1", "b_2", "c_1", "c_2", "c_3")
    for seed in range(5):
        assert names(split_faces(faces, 0.05, seed, group="^(.)")[1]) == ["b_1", "b_2"]


def test_one_group_always_stays():
    kept, held = split_faces(faces_named("a_1", "a_2", "b_1"), 0.99, 0, group="^(.)")
    assert kept
    assert held


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_share_that_is_none_is_refused(share):
    with pytest.raises(ConfigError, match="share between 0 and 1"):
        split_faces(FACES, share, 0)


def test_name_without_group_is_refused():
    with pytest.raises(DataError, match=r"match the group .* found 'face0' \(face0\.jpg\)"):
        split_faces(FACES, 0.5, 0, group=PERSON)


def test_expression_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"regular expression for group but found '\('"):
        split_faces(FACES, 0.5, 0, group="(")


def in_images(*names):
    """Faces named after their image: ``a_1`` and ``a_2`` are in a.jpg."""
    return [dataclasses.replace(face, image=Path(f"{face.name.split('_')[0]}.jpg")) for face in faces_named(*names)]


@pytest.mark.parametrize("seed", range(5))
def test_faces_of_one_image_stay_together_unasked(seed):
    faces = in_images(*(f"image{image}_{number}" for image in range(6) for number in range(image + 1)))
    kept, held = split_faces(faces, 0.3, seed)
    assert held
    assert not {face.image for face in kept} & {face.image for face in held}


def test_an_image_is_known_by_its_place_in_a_file_of_many():
    faces = [dataclasses.replace(face, image=Path("all.mat"), index=place) for place, face in enumerate(FACES)]
    assert names(split_faces(faces, 0.3, 0)[1]) == names(split_faces(FACES, 0.3, 0)[1])


@pytest.mark.parametrize("seed", range(5))
def test_groups_that_meet_in_an_image_count_as_one(seed):
    """ann and bob are in party.jpg, bob and cid in road.jpg: all three on one side, dan and eve on either."""
    images = {"ann_1": "party", "bob_1": "party", "bob_2": "road", "cid_1": "road", "dan_1": "sea", "eve_1": "hill"}
    faces = [dataclasses.replace(face, image=Path(images[face.name])) for face in faces_named(*images)]
    kept, held = split_faces(faces, 0.5, seed, group="^(...)_")
    sides = [{face.name[:3] for face in part} & {"ann", "bob", "cid"} for part in (kept, held)]
    assert sorted(map(len, sides)) == [0, 3]


def test_one_image_cannot_be_split():
    with pytest.raises(DataError, match="at least two images"):
        split_faces(in_images("a_1", "a_2"), 0.5, 0)


def test_one_group_cannot_be_split():
    with pytest.raises(DataError, match=r"at least two images, or groups of faces .* to split but found 1"):
        split_faces(FACES, 0.5, 0, group="^face")


def test_repeated_names_are_refused():
    with pytest.raises(DataError, match="names of their own but found 'a' more than once"):
        split_faces(faces_named("a", "b", "a"), 0.5, 0)


def test_people_of_the_real_faces_stay_apart(shared_data):
    faces = read_folder(shared_data / "faces68" / "val", "68")
    kept, held = split_faces(faces, 0.2, 0, group=r"^(?:training|test)_(.+)_\d+$")
    people = [{face.name.split("_", 1)[1].rsplit("_", 1)[0] for face in part} for part in (kept, held)]
    assert not people[0] & people[1]
    assert abs(len(held) / len(faces) - 0.2) < 0.02
