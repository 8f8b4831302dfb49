"""Faces of five coloured discs on grey, and a network without training that finds the discs."""

import cv2
import numpy as np
import torch
from mmengine.registry import MODELS
from square_faces import SCHEME
from torch import nn

from tasks.landmarks.detector import Detections
from tasks.landmarks.face_box import FaceBox
from tasks.landmarks.landmarker import Landmarker, LandmarkInfo

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
# Shares of a face's side, from its middle: eyes, nose, corners of the mouth.
SHAPE = np.array([[-0.5, -0.5], [0.5, -0.5], [0, 0], [-0.3, 0.5], [0.3, 0.5]])
SIZE = 64
# Eyes, nose and mouth in a face from jaw to brows, as medians of photographs have it.
FACE = FaceBox(0.0, -0.07, 0.43, 0.52)


def face_points(middle, side):
    """Points ``[5, 2]`` of a face."""
    return np.asarray(middle, float) + side * SHAPE


def paint(faces=(), width=160, height=120):
    """Grey RGB picture with the faces whose points are given, each with discs of a tenth of its size."""
    picture = np.full((height, width, 3), 128, np.uint8)
    for points in faces:
        radius = round(np.ptp(points, axis=0).max() / 10 * 16)
        for point, colour in zip(np.rint(np.asarray(points) * 16).astype(int).tolist(), COLOURS, strict=True):
            cv2.circle(picture, point, radius, colour, cv2.FILLED, cv2.LINE_AA, 4)
    return picture


@MODELS.register_module(force=True)
class ColourCentroids(nn.Module):
    """Normalised coordinates ``(B, 10)`` of the middles of what has each colour; of the crop's where nothing has."""

    num_points = 5

    def __init__(self):
        super().__init__()
        self.colours = nn.Parameter(torch.tensor(COLOURS) / 255.0)

    def forward(self, images):
        far = (images[:, None] - self.colours[None, :, :, None, None]).abs().amax(dim=2)
        weight = (1 - 2.5 * far).clamp(min=0)
        side = images.shape[-1]
        place = (torch.arange(side, device=images.device) + 0.5) / side - 0.5
        total = weight.sum(dim=(2, 3)).clamp(min=1e-6)
        middles = [(weight.sum(dim=axis) * place).sum(dim=2) / total for axis in (2, 3)]
        return torch.stack(middles, dim=2).flatten(1)

    @staticmethod
    def points(output):
        return output


@MODELS.register_module(force=True)
class SmallRegressor(nn.Sequential):
    """Two convolutions and a linear layer, untrained, with weights that the seed of the day draws."""

    num_points = 5
    points = staticmethod(ColourCentroids.points)

    def __init__(self):
        layers = nn.Conv2d(3, 32, 3, 4), nn.ReLU(), nn.Conv2d(32, 64, 3, 4), nn.ReLU()
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def landmarker(margin=0.25, **told):
    """`ColourCentroids` as those who use it see it; ``calls`` counts the crops that it was given."""
    network, calls = ColourCentroids(), []

    def in_crops(crops):
        calls.append(len(crops))
        with torch.no_grad():
            shares = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
        return (shares.view(-1, 5, 2).numpy() + 0.5) * SIZE - 0.5

    found = Landmarker("painted", LandmarkInfo(SCHEME, SIZE, margin, **told), in_crops)
    found.calls = calls
    return found


class ColourDetector:
    """Finds each separate coloured face, in a box a fifth too large and moved by a tenth; notes its searches.

    It is blind in some frames, and after so many searches. Closer looks are at frame 0.
    """

    searches = True

    def __init__(self, blind=(), sees=10**6):
        self.blind, self.sees, self.looks = set(blind), sees, []

    def detect(self, image, frame=0, profile=True):
        self.looks.append((frame, image.shape[:2], profile))
        if frame in self.blind or len(self.looks) > self.sees:
            return Detections.of([], [])
        coloured = (np.ptp(image, axis=2) > 60).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(coloured, np.ones((25, 25))))
        boxes = []
        for left, top, width, height, _ in stats[1:count]:
            middle, side = np.array([left + width / 2, top + height / 2]), max(width, height) - 24
            boxes.append([*(middle - 0.5 * side), *(middle + 0.7 * side)])
        return Detections.of(boxes, [float(place) for place in range(count - 1, 0, -1)])


class FaceColourDetector(ColourDetector):
    """Finds each separate coloured face in the box of a whole face, `FACE`."""

    def detect(self, image, frame=0, profile=True):
        found = super().detect(image, frame, profile)
        # Those are around the discs, 1.2 of the points' box, from -0.5 to 0.7 of that.
        size = found.boxes[:, 2:] - found.boxes[:, :2]
        middles, halves = found.boxes[:, :2] + 0.5 / 1.2 * size, size / 1.2 / 1.2 / 2
        tight = np.concatenate([middles - halves, middles + halves], axis=1)
        return Detections(np.array([FACE.to_face(box) for box in tight]).reshape(-1, 4), found.scores)


CONFIG = """
task = "landmarks"
_data = dict(type="PTSFaces", data_root={root!r}, scheme={scheme!r}, size=64, margin=0.25)
train_dataloader = dict(dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = {model}
"""
PLAIN = "dict(type='LandmarkModel', network=dict(type='ColourCentroids'))"
DISTILLED = "dict(type='Distiller', student=" + PLAIN + ", losses=dict())"
