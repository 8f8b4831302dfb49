"""What a generated face looks like apart from its shape: colours, hair, glasses, and the light on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from data_prep.landmarks.face_shape import Head

_SKINS = np.array([[243, 212, 190], [228, 184, 152], [205, 155, 118], [168, 116, 82], [122, 80, 56], [82, 54, 42]])
_HAIRS = np.array([[28, 24, 24], [58, 40, 30], [98, 66, 42], [160, 120, 72], [205, 180, 130], [150, 72, 40], [175] * 3])
_EYES = np.array([[80, 52, 34], [110, 76, 44], [96, 128, 160], [100, 125, 88], [60, 42, 34]])


@dataclass(frozen=True)
class Look:
    """Colours are RGB in 0..255, float64 ``[3]``; lengths are cm.

    Attributes:
        skin: its colour in full light.
        blush: how much redder the cheeks are, a share.
        patchy: random brightness of the skin, factors ``[n, n]``, stretched over it.
        beard: how much of the skin's colour the beard hides, a share; 0 is shaved.
        moustache: the same over the upper lip.
        hair: its colour.
        hair_style: 'short', 'long' or 'bald'.
        hair_volume: 0 to 1.5.
        hairline: its height in front, over the eyes (below 0).
        parting: how much lower the hairline is on the right than on the left.
        strands: brightness of the hair across the head, factors ``[n]``.
        brow, brow_width, brow_strength: colour, thickness and opacity of the brows.
        lips, iris, white, teeth, lashes: their colours.
        glint: whether the light shows in the eyes.
        folds: how dark the folds from the nose to the mouth are, a share.
        neck: its width, 1 is usual.
        shirt: its colour.
        glasses: whether there are any.
        rim, rim_width, rim_height, rim_round: frame's colour, thickness, half height, and 1 for round lenses.
        lens, tint: colour of dark glass (or None) and its opacity.
        light: where it comes from: right, down, towards the viewer; length 1.
        light_colour: factors on red, green and blue.
        ambient, diffuse: light from everywhere, and from ``light``.
    """

    skin: np.ndarray
    blush: float
    patchy: np.ndarray
    beard: float
    moustache: float
    hair: np.ndarray
    hair_style: str
    hair_volume: float
    hairline: float
    parting: float
    strands: np.ndarray
    brow: np.ndarray
    brow_width: float
    brow_strength: float
    lips: np.ndarray
    iris: np.ndarray
    white: np.ndarray
    teeth: np.ndarray
    lashes: np.ndarray
    glint: bool
    folds: float
    neck: float
    shirt: np.ndarray
    glasses: bool
    rim: np.ndarray
    rim_width: float
    rim_height: float
    rim_round: float
    lens: np.ndarray | None
    tint: float
    light: np.ndarray
    light_colour: np.ndarray
    ambient: float
    diffuse: float

    @classmethod
    def sample(cls, rng: Generator) -> Look:
        """A random look; colours of hair, lips and shirt come near those of the skin now and then."""
        skin = _between(rng, _SKINS)
        hair = _HAIRS[rng.integers(len(_HAIRS))] * rng.uniform(0.7, 1.2)
        made_up = rng.random() < 0.25
        lips = skin * (0.95, 0.72, 0.72) if not made_up else np.array([170, 45, 60]) * rng.uniform(0.7, 1.2)
        direction = np.array([rng.normal(0, 0.55), rng.normal(-0.35, 0.35), 0.9])
        ambient = rng.uniform(0.25, 0.7)
        bearded = rng.random() < 0.22
        dark = rng.random() < 0.3
        return cls(
            skin=skin,
            blush=rng.uniform(0, 0.16),
            patchy=1 + rng.normal(0, 0.05, (10, 10)),
            beard=rng.uniform(0.25, 0.85) if bearded else rng.choice([0, rng.uniform(0, 0.2)]),
            moustache=rng.uniform(0.3, 0.9) if bearded or rng.random() < 0.06 else 0.0,
            hair=hair,
            hair_style=str(rng.choice(["short", "long", "bald"], p=[0.5, 0.35, 0.15])),
            hair_volume=rng.uniform(0.2, 1.5),
            hairline=rng.uniform(-8.2, -5.4) if rng.random() > 0.15 else rng.uniform(-5, -2.6),
            parting=rng.normal(0, 0.7),
            strands=1 + np.convolve(rng.normal(0, 0.22, 90), [0.25, 0.5, 0.25], "same"),
            brow=hair * rng.uniform(0.5, 0.9),
            brow_width=rng.uniform(0.35, 0.95),
            brow_strength=rng.uniform(0.35, 0.95),
            lips=lips * rng.uniform(0.85, 1.05),
            iris=_EYES[rng.integers(len(_EYES))] * rng.uniform(0.7, 1.3),
            white=np.array([238, 232, 228]) * rng.uniform(0.85, 1.02),
            teeth=np.array([236, 230, 215]) * rng.uniform(0.85, 1.0),
            lashes=skin * 0.25 if rng.random() < 0.5 else np.array([25.0, 20, 20]),
            glint=bool(rng.random() < 0.7),
            folds=rng.uniform(0.02, 0.2),
            neck=rng.uniform(0.85, 1.15),
            shirt=rng.uniform(15, 235, 3) if rng.random() < 0.8 else skin * rng.uniform(0.6, 1.1),
            glasses=bool(rng.random() < 0.22),
            rim=np.array([30, 28, 30]) if rng.random() < 0.6 else rng.uniform(20, 200, 3),
            rim_width=rng.uniform(0.12, 0.4),
            rim_height=rng.uniform(1.3, 2.1),
            rim_round=rng.uniform(0.45, 1.0),
            lens=rng.uniform(5, 70, 3) if dark else None,
            tint=rng.uniform(0.6, 0.97),
            light=direction / np.linalg.norm(direction),
            light_colour=1 + rng.normal(0, 0.035, 3),
            ambient=ambient,
            diffuse=rng.uniform(0.9, 1.1) - ambient,
        )

    @property
    def hides_eyes(self) -> bool:
        """Whether the glasses are dark."""
        return self.glasses and self.lens is not None and self.tint > 0.8

    def shade(self, normals: np.ndarray) -> np.ndarray:
        """Light on surfaces that face ``normals`` ``[..., 3]``: right, down, to the viewer; factors ``[..., 3]``."""
        facing = np.maximum(normals @ self.light, 0)[..., None]
        return (self.ambient + self.diffuse * facing) * self.light_colour

    def paint(self, mesh: np.ndarray, head: Head) -> np.ndarray:
        """Colour of the skin, beard included, at places ``[R, C, 3]`` on a head, float64 ``[R, C, 3]``."""
        x, y = mesh[..., 0], mesh[..., 1]
        colour = self.skin * cv2.resize(self.patchy, mesh.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]
        cheeks = np.exp(-(((np.abs(x) - 4.2) / 1.6) ** 2) - ((y - 3.4) / 1.4) ** 2)
        colour = colour * (1 - self.blush * cheeks[..., None] * (0, 1, 0.9))
        mouth, nose = head.points[48:60].mean(axis=0)[1], head.points[33, 1]
        # Down the cheeks from the ears, and around the mouth.
        edge = np.interp(np.abs(x), [0, 2.4, 3.4, 6, 7], [mouth + 1.0, mouth + 0.6, mouth - 0.6, 2.5, 0.5])
        beard = self.beard * np.clip((y - edge) / 0.6, 0, 1)
        lip = self.moustache * np.clip((y - nose - 0.3) / 0.4, 0, 1) * np.clip((mouth + 0.6 - y) / 0.6, 0, 1)
        hidden = np.maximum(beard, lip * np.clip((3.3 - np.abs(x)) / 0.5, 0, 1))[..., None]
        return colour * (1 - hidden) + self.hair * hidden


def _between(rng: Generator, colours: np.ndarray) -> np.ndarray:
    """A colour between two neighbours of a row of colours, with a little of its own."""
    place = rng.uniform(0, len(colours) - 1)
    steps = np.arange(len(colours))
    colour = np.array([np.interp(place, steps, channel) for channel in colours.T])
    return np.clip(colour * rng.uniform(0.9, 1.08) + rng.normal(0, 2.5, 3), 15, 250)
