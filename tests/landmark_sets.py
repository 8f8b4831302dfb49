"""Tiny sets of labelled faces in the layouts of the published ones."""

import json
from pathlib import Path

import cv2
import h5py
import numpy as np

WIDTH, HEIGHT = 40, 30


def points(count: int, seed: int = 0) -> np.ndarray:
    """Points inside an image of 40x30, with two decimals, from 0."""
    return np.round(np.random.default_rng(seed).uniform((2, 2), (WIDTH - 3, HEIGHT - 3), (count, 2)), 2)


def write_image(path: Path, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> np.ndarray:
    """A smooth image of noise, lossless if ``path`` ends in .png; returns its RGB pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    image = cv2.resize(noise, (width, height))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])
    return image


def write_label(path: Path, values: np.ndarray) -> None:
    """A PTS file as the annotation tool of 300W writes it: from 1, two blanks after n_points."""
    lines = "".join(f"{x + 1:.6f} {y + 1:.6f}\n" for x, y in values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version: 1\nn_points:  {len(values)}\n{{\n{lines}}}\n")


def write_face(folder: Path, name: str, values: np.ndarray, suffix: str = ".png", seed: int = 0) -> None:
    """An image and the PTS file beside it."""
    write_image(folder / f"{name}{suffix}", seed=seed)
    write_label(folder / f"{name}.pts", values)


def write_300w(root: Path) -> Path:
    """Two faces in each folder of 300W, in the kinds of names that the parts have."""
    names = {
        "afw": ("134212_1.jpg", "134212_2.jpg"),
        "helen/trainset": ("100032540_1.jpg", "10405146_1.jpg"),
        "helen/testset": ("296814969_1.jpg", "30427236_1.JPG"),
        "lfpw/trainset": ("image_0001.png", "image_0002.png"),
        "lfpw/testset": ("image_0001.png", "image_0003.png"),
        "ibug": ("image_003_1.jpg", "image_092 _01.jpg"),
        "Test/01_Indoor": ("indoor_001.png", "indoor_002.png"),
        "Test/02_Outdoor": ("outdoor_001.png", "outdoor_002.png"),
    }
    seed = 0
    for folder, files in names.items():
        for file in files:
            path = root / folder / file
            write_face(path.parent, path.stem, points(68, seed), path.suffix, seed)
            seed += 1
    return root


def write_cofw(root: Path, part: str = "test", count: int = 4, phis: np.ndarray | None = None) -> list[np.ndarray]:
    """COFW as MATLAB saves it, version 7.3: a block of 512 bytes before HDF5, cells as references, all transposed.

    Every second image is gray. Returns the images, ``[H, W]`` or ``[H, W, 3]``.
    """
    ending = {"train": "Tr", "test": "T"}[part]
    random = np.random.default_rng(5)
    images = [random.integers(0, 256, (20 + index, 30, 3)[: 3 - index % 2], np.uint8) for index in range(count)]
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"COFW_{part}_color.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_dataset(f"Is{ending}", (1, count), h5py.ref_dtype)
        for index, image in enumerate(images):
            cells[0, index] = file.create_dataset(f"#refs#/{index}", data=image.T).ref
        file[f"phis{ending}"] = cofw_phis(count).T if phis is None else phis
        file[f"bboxes{ending}"] = np.array([[3.0, 4.0, 20.0, 10.0]] * count).T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2013 HDF5 schema 1.00 .")
    return images


def cofw_phis(count: int) -> np.ndarray:
    """29 x, 29 y, counted from 1, and 29 flags, as MATLAB has them, ``[count, 87]``.

    Point k of face i is (k + 1, i + 2), and point i alone is occluded.
    """
    phis = np.zeros((count, 87))
    phis[:, :29] = np.arange(29) + 1
    phis[:, 29:58] = np.arange(count)[:, None] + 2
    phis[np.arange(count), 58 + np.arange(count)] = 1
    return phis


def wflw_line(values: np.ndarray, flags: str = "000000", image: str = "0--Parade/one.jpg") -> str:
    """A line of WFLW's lists."""
    numbers = " ".join(f"{value:.6f}" for value in values.ravel())
    return f"{numbers} 5 6 25 26 {' '.join(flags)} {image}\n"


def write_wflw(root: Path, part: str = "test") -> Path:
    """WFLW with three faces in two images; the third is posed and blurred."""
    lists = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(("0--Parade/one.jpg", "37--Soccer/two.jpg")):
        write_image(root / "WFLW_images" / image, seed=number)
    (lists / f"list_98pt_rect_attr_{part}.txt").write_text(
        wflw_line(points(98, 0))
        + wflw_line(points(98, 1), "000010", "37--Soccer/two.jpg")
        + wflw_line(points(98, 2), "100001", "37--Soccer/two.jpg")
    )
    return root


def coco(count: int = 2, num_points: int = 3) -> dict:
    """A file of COCO with one face in each of ``count`` images; all points are visible, but for the first."""
    visibility = np.full((num_points, 1), 2)
    visibility[0] = 1
    return {
        "images": [
            {"id": 10 + index, "file_name": f"{index}.png", "width": WIDTH, "height": HEIGHT} for index in range(count)
        ],
        "annotations": [
            {
                "id": 100 + index,
                "image_id": 10 + index,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [4.0, 5.0, 20.0, 10.0],
                "num_keypoints": num_points,
                "keypoints": np.hstack([points(num_points, index), visibility]).ravel().tolist(),
            }
            for index in range(count)
        ],
        "categories": [{"id": 1, "name": "face"}],
    }


def write_coco(root: Path, content: dict) -> Path:
    """A COCO file and its images beside it."""
    root.mkdir(parents=True, exist_ok=True)
    for entry in content["images"]:
        write_image(root / entry["file_name"], seed=entry["id"])
    path = root / "faces.json"
    path.write_text(json.dumps(content))
    return path


def write_scheme_of_three(path: Path) -> Path:
    """A scheme of one's own: two eyes that swap, and a nose."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"name": "three", "points": 3, "flip_pairs": [[0, 1]], "ocular": [0, 1]}')
    return path
