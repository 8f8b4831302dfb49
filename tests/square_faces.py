"""Faces of five points on a square of 10 x 10 pixels, and networks whose errors on them are known."""

from pathlib import Path

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from torch import nn

from common.landmark_files.face import Face
from common.landmark_files.scheme import LandmarkScheme
from tasks.landmarks.evaluation import Network

SCHEME = LandmarkScheme(
    name="five",
    num_points=5,
    flip=(1, 0, 2, 4, 3),
    ocular=((0,), (1,)),
    regions={"eyes": (0, 1), "mouth": (3, 4)},
    lines=((3, 4),),
)
# Eyes, nose, corners of the mouth: 10 pixels from eye to eye, and a box of 10 x 10.
POINTS = np.array([[10, 10], [20, 10], [15, 15], [12, 20], [18, 20]], np.float32)
SIZE = 16


def face(name, points=POINTS, visible=(True,) * 5, **told):
    """A labelled face in an image of that name."""
    return Face(Path(f"{name}.jpg"), np.asarray(points, np.float32), np.array(visible), **told)


class Faces:
    """A data set of faces in grey crops, which reach from image pixel -0.5 to 31.5 and are shown at half size."""

    augment = None

    def __init__(self, faces, scheme=SCHEME, to_crop=((0.5, 0, -0.25), (0, 0.5, -0.25))):
        self.faces, self.scheme, self.size = list(faces), scheme, SIZE
        self.to_crop = torch.tensor(to_crop, dtype=torch.float64)

    def __len__(self):
        return len(self.faces)

    def __getitem__(self, index):
        sample = BaseDataElement(
            image_points=torch.from_numpy(self.faces[index].points), to_crop=self.to_crop, gt_index=torch.tensor(index)
        )
        return {"inputs": torch.full((3, SIZE, SIZE), 128, dtype=torch.uint8), "data_samples": sample}


class Shifted(nn.Module):
    """Predicts the labelled points moved by ``shift`` ``[5, 2]`` pixels; 7,680 multiply-accumulates for a crop."""

    def __init__(self, shift=(0.0, 0.0)):
        super().__init__()
        self.shift = torch.as_tensor(shift, dtype=torch.float32).expand(5, 2)
        self.layer = nn.Linear(3 * SIZE * SIZE, 10)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))

    def test_step(self, batch):
        for sample in batch["data_samples"]:
            sample.pred_points = sample.image_points + self.shift
        return batch["data_samples"]


def network(name, faces, shift=(0.0, 0.0), weights=None, **told):
    """A network of known errors on a list of faces, or on a data set."""
    dataset = faces if isinstance(faces, Faces) else Faces(faces)
    weights = weights or f"{name} {shift}"
    return Network(name, Shifted(shift), dataset, told, {"checkpoint": f"{weights}.pth", "weights": weights})
