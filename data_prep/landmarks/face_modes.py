"""In what generated faces differ: people, expressions, and how heads are turned."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.random import Generator

from common.landmark_files.scheme import SCHEMES

SCHEME = SCHEMES["68"]


def _std(value: float) -> float:
    return field(default=0.0, metadata={"std": value})


@dataclass(frozen=True)
class Identity:
    """How a person differs from the mean face: shares, or cm where marked; 0 is the mean."""

    face_width: float = _std(0.05)
    face_length: float = _std(0.05)
    jaw_width: float = _std(0.07)
    chin_length: float = _std(0.35)  # cm
    forehead: float = _std(0.08)
    depth: float = _std(0.06)
    eye_distance: float = _std(0.15)  # cm, each eye
    eye_height: float = _std(0.25)  # cm, place
    eye_width: float = _std(0.07)
    eye_opening: float = _std(0.18)
    eye_tilt: float = _std(0.05)  # cm at the corners for each cm from the eye's middle
    brow_height: float = _std(0.25)  # cm
    brow_tilt: float = _std(0.25)  # cm at the inner end, down
    brow_arch: float = _std(0.2)  # cm
    nose_length: float = _std(0.06)
    nose_width: float = _std(0.12)
    nose_depth: float = _std(0.15)
    mouth_width: float = _std(0.10)
    mouth_height: float = _std(0.2)  # cm, place
    upper_lip: float = _std(0.25)
    lower_lip: float = _std(0.25)
    uneven: tuple[float, ...] = ()  # cm: x and y of each point, what no mode explains

    @classmethod
    def sample(cls, rng: Generator) -> Identity:
        """A random person: each mode normal, cut at 2.5 standard deviations."""
        modes = [mode for mode in fields(cls) if mode.metadata]
        values = rng.normal(size=len(modes)).clip(-2.5, 2.5).tolist()
        uneven = rng.normal(0, 0.06, 2 * SCHEME.num_points).clip(-0.15, 0.15)
        spread = {mode.name: value * mode.metadata["std"] for mode, value in zip(modes, values, strict=True)}
        return cls(**spread, uneven=tuple(uneven.tolist()))


@dataclass(frozen=True)
class Expression:
    """What a face does; the values given here are the resting face."""

    mouth_open: float = 0.0  # cm between the lips, 0 to 3
    smile: float = 0.0  # -0.5 (sad) to 1
    pucker: float = 0.0  # 0 to 1
    brow_raise: float = 0.0  # cm
    frown: float = 0.0  # 0 to 1
    eyes_open: tuple[float, float] = (1.0, 1.0)  # 0 is shut; left and right of the picture
    gaze: tuple[float, float] = (0.0, 0.0)  # cm of the iris, right and down

    @classmethod
    def sample(cls, rng: Generator) -> Expression:
        """A random expression; one face in two is nearly at rest, one in twelve shuts its eyes."""
        lively = rng.random() < 0.5
        both = rng.uniform(0.75, 1.25) if rng.random() > 0.08 else rng.uniform(0, 0.15)
        wink = rng.random() < 0.02
        return cls(
            mouth_open=float(rng.choice([0, rng.uniform(0, 0.8), rng.uniform(0.5, 3)]) if lively else 0),
            smile=float(rng.uniform(-0.5, 1) if lively else rng.normal(0, 0.12)),
            pucker=float(rng.uniform(0, 1) if lively and rng.random() < 0.15 else 0),
            brow_raise=float(rng.uniform(-0.4, 1.0) if lively else rng.normal(0, 0.1)),
            frown=float(rng.uniform(0, 1) if lively and rng.random() < 0.3 else 0),
            eyes_open=(0.05 if wink else both, both),
            gaze=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.15, 0.15))),
        )


@dataclass(frozen=True)
class Pose:
    """How a head stands on the picture: ``yaw`` to the right, ``pitch`` up and ``roll`` clockwise, in degrees."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @classmethod
    def sample(cls, rng: Generator) -> Pose:
        """A random pose: triangular, up to 40, 20 and 20 degrees."""
        return cls(*(float(rng.triangular(-limit, 0, limit)) for limit in (40, 20, 20)))

    @property
    def rotation(self) -> np.ndarray:
        """From the head's frame to the picture's axes: right, down and towards the viewer, float64 ``[3, 3]``."""
        yaw, pitch, roll = np.deg2rad([self.yaw, self.pitch, self.roll])
        nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        lean = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        return lean @ turn @ nod
