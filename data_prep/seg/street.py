"""Layout of the synthetic street: what stands where, how it moves, and the light of one clip."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from common.palettes import CAMVID_VOID
from data_prep.noise import noise_tile
from data_prep.seg import textures
from data_prep.seg.road import LABEL, Ground, Ride
from data_prep.seg.scene import Scene, Surface

FRAMES_PER_SECOND = 12


class StreetBuilder:
    """Fills one clip's street from a random generator; `build` returns the scene and the ride through it."""

    def __init__(self, rng: Generator, size: tuple[int, int], frames: int) -> None:
        self.rng = rng
        self.tile = noise_tile(rng)
        speed = rng.uniform(4, 9) / FRAMES_PER_SECOND
        self.end = 8 + speed * frames + 75
        self.ground = self._lay_ground()
        sway = np.stack([rng.uniform(0.2, 1, 3) * (0.03, 0.008, 0.006), rng.uniform(0, 6.3, 3)], axis=1)
        self.ride = Ride(self.ground, 0.0, speed, rng.uniform(-2.1, -1.5), rng.uniform(1.25, 1.6), sway, size)
        self.ppm = 12 * max(1.0, size[0] / 320)
        self.surfaces: list[Surface] = []

    def build(self) -> tuple[Scene, Ride]:
        self._add_buildings()
        self._add_skyline()
        self._add_greenery()
        self._add_fences()
        self._add_posts()
        self._add_parked_cars()
        self._add_traffic()
        self._add_people()
        self._add_clutter()
        rng = self.rng
        light = rng.uniform(0.6, 1.2) * (1 + rng.normal(0, 0.05, 3))
        haze_colour = np.array([196, 202, 208]) * light
        surfaces = sorted(self.surfaces, key=lambda surface: not surface.shadow)
        sky = textures.sky(rng, self.tile)
        return Scene(surfaces, self.ground, sky, LABEL["Sky"], rng.uniform(0.001, 0.010), haze_colour, light), self.ride

    def _lay_ground(self) -> Ground:
        rng = self.rng
        grass = np.array([88, 98, 62]) * rng.uniform(0.7, 1.2)
        grey = rng.uniform(78, 135)
        road = grey + rng.normal(0, 4, 3)
        pavement = grey * rng.uniform(0.85, 1.45) + rng.normal(0, 9, 3)
        verge, verge_colours = [], []
        for _ in range(2):
            green = rng.random() < 0.5
            verge.append(LABEL["Tree"] if green else LABEL["Pavement"])
            verge_colours.append(grass if green else pavement * rng.uniform(0.8, 1.05))
        crossings = []
        if rng.random() < 0.5:
            start = rng.uniform(12, 45)
            crossings.append((start, start + rng.uniform(6, 9)))
        return Ground(
            bend=(rng.uniform(-4, 4), rng.uniform(110, 200), rng.uniform(0, 6.3)),
            half_road=rng.uniform(4.2, 5.6),
            pavement=rng.uniform(1.8, 3.6),
            strip=rng.uniform(0.12, 0.3),
            verge=(verge[0], verge[1]),
            crossings=crossings,
            colours=np.array([road, pavement, 0.6 * pavement, *verge_colours], np.float32),
            shadow=rng.choice([-1, 1]) * rng.uniform(1.0, 14.0),
            noise=np.stack([noise_tile(rng, slope=0.4), noise_tile(rng, slope=1.3)]),
        )

    # --- surfaces ---

    def _stand(
        self, lateral: float, z: float, width: float, height: float, texture: np.ndarray, label: int, **options
    ) -> None:
        """An upright picture across the street, its foot ``options['lift']`` metres above the ground."""
        lift = options.pop("lift", 0.0)
        origin = self.ground.at(lateral - width / 2, z, lift + height)
        edges = np.array([width, 0, 0.0]), np.array([0, height, 0.0])
        self.surfaces.append(Surface(origin, *edges, texture, label, **options))

    def _wall(
        self, lateral: float, z0: float, z1: float, height: float, texture: np.ndarray, label: int, **options
    ) -> None:
        """An upright picture along the street from ``z0`` to ``z1``."""
        top = self.ground.at(lateral, z0, height)
        along = self.ground.at(lateral, z1, height) - top
        self.surfaces.append(Surface(top, along, np.array([0, height, 0.0]), texture, label, **options))

    def _shadow(self, lateral: float, z: float, width: float, length: float, velocity: np.ndarray) -> None:
        texture = np.full((8, 8, 4), 255, np.uint8)
        origin = self.ground.at(lateral - width / 2, z)
        edges = np.array([width, 0, 0.0]), np.array([0, 0, length])
        self.surfaces.append(Surface(origin, *edges, texture, 0, velocity, shadow=True))

    def _box(
        self,
        corner: np.ndarray,
        heading: float,
        extent: tuple[float, float, float],
        faces: dict[str, np.ndarray],
        label: int,
        velocity: np.ndarray,
    ) -> None:
        """A closed box with the textures ``back`` (towards the camera), ``front``, ``side`` and ``top``.

        Args:
            corner: foot of the left edge of the back face, metres.
            heading: direction of its length, radians to the right of the z axis.
            extent: width, height and length, metres.
            faces: texture of each face.
            label: class.
            velocity: metres per frame.
        """
        width, height, length = extent
        right = np.array([np.cos(heading), 0, -np.sin(heading)]) * width
        along = np.array([np.sin(heading), 0, np.cos(heading)]) * length
        down = np.array([0, height, 0.0])
        top = corner - down
        quads = (
            (top, right, down, "back", -along, 1.0),
            (top + along, right, down, "front", along, 1.0),
            (top + along, -along, down, "side", -right, 0.8),
            (top + right, along, down, "side", right, 0.8),
            (top + along, right, -along, "top", -down, 1.1),
        )
        for origin, edge_s, edge_t, face, normal, tint in quads:
            self.surfaces.append(
                Surface(origin, edge_s, edge_t, faces[face], label, velocity, tint=tint, normal=normal)
            )

    # --- what stands along the street ---

    def _outside(self) -> float:
        return self.ground.half_road + self.ground.pavement + self.ground.strip

    def _in_crossing(self, z: float, margin: float = 0.0) -> bool:
        return any(start - margin < z < end + margin for start, end in self.ground.crossings)

    def _add_buildings(self) -> None:
        rng = self.rng
        fronts = [textures.facade(rng, self.tile, 22, 16, self.ppm) for _ in range(5)]
        for side in (-1, 1):
            setback = rng.uniform(0.2, 5.0)
            z = -6.0
            while z < self.end:
                length, height = rng.uniform(8, 22), rng.uniform(5, 16)
                if rng.random() < 0.15 or self._in_crossing(z, 3) or self._in_crossing(z + length, 3):
                    z += 5
                    continue
                lateral = side * (self._outside() + setback + rng.uniform(0, 1.5))
                front = fronts[rng.integers(len(fronts))]
                front = front[-round(height * self.ppm) :, : round(length * self.ppm)]
                tint = rng.uniform(0.75, 1.15) * (1 + rng.normal(0, 0.05, 3))
                shade = 0.72 if side * self.ground.shadow > 0 else 1.0
                self._wall(lateral, z, z + length, height, front, LABEL["Building"], tint=tint * shade)
                end = front[:, : round(8 * self.ppm)]
                self._stand(lateral + side * 6, z, 12, height, end, LABEL["Building"], tint=tint * 0.85)
                z += length + (rng.uniform(1, 5) if rng.random() < 0.3 else 0)

    def _add_skyline(self) -> None:
        rng = self.rng
        for leaves, z, name in ((False, self.end + 8, "Building"), (True, self.end + 4, "Tree")):
            picture = textures.skyline(rng, self.tile, leaves=leaves)
            self._stand(0, z, 320, rng.uniform(6, 14), picture, LABEL[name], tint=rng.uniform(0.8, 1.1))

    def _add_greenery(self) -> None:
        rng = self.rng
        crowns = [textures.tree(rng, self.tile) for _ in range(4)]
        row = textures.hedge(rng, self.tile)
        density = rng.uniform(0.25, 1.0)
        for side in (-1, 1):
            z = rng.uniform(4, 12)
            while z < self.end:
                if rng.random() < density and not self._in_crossing(z, 2):
                    height = rng.uniform(3.2, 8.5)
                    lateral = side * (self._outside() + rng.uniform(-0.6, 2.2))
                    tint = rng.uniform(0.7, 1.3) * (1 + rng.normal(0, 0.06, 3))
                    crown = crowns[rng.integers(len(crowns))]
                    self._stand(lateral, z, height * rng.uniform(0.6, 0.95), height, crown, LABEL["Tree"], tint=tint)
                    self._shadow(lateral, z - 1, 2.2, 2.0, np.zeros(3))
                z += rng.uniform(5, 11)
            if rng.random() < 0.4:
                start = rng.uniform(5, 30)
                self._wall(side * self._outside(), start, start + rng.uniform(6, 15), 1.1, row, LABEL["Tree"])

    def _add_fences(self) -> None:
        rng = self.rng
        for side in (-1, 1):
            z = rng.uniform(2, 14)
            while z < self.end - 20:
                length = rng.uniform(6, 18)
                if not self._in_crossing(z, length):
                    rails = textures.fence(rng, self.tile, width=int(length * 16))
                    lateral = side * (self._outside() + rng.uniform(-0.1, 0.25))
                    self._wall(lateral, z, z + length, rng.uniform(1.0, 1.9), rails, LABEL["Fence"])
                z += length + rng.uniform(4, 26)

    def _add_posts(self) -> None:
        rng = self.rng
        shafts = [textures.pole(rng, self.tile) for _ in range(3)]
        plates = [textures.sign(rng, self.tile) for _ in range(6)]
        for side in (-1, 1):
            z = rng.uniform(5, 14)
            while z < self.end - 15:
                lateral = side * (self.ground.half_road + rng.uniform(0.3, 0.7))
                shaft = shafts[rng.integers(len(shafts))]
                if rng.random() < 0.5:
                    height = rng.uniform(5, 7.5)
                    self._stand(lateral, z, rng.uniform(0.22, 0.38), height, shaft, LABEL["Pole"])
                    arm = lateral - side * 0.8
                    self._stand(arm, z, 1.6, 0.22, shaft, LABEL["Pole"], lift=height - 0.22)
                else:
                    height = rng.uniform(2.4, 3.4)
                    self._stand(lateral, z, rng.uniform(0.14, 0.22), height, shaft, LABEL["Pole"])
                    plate, extent = plates[rng.integers(len(plates))], rng.uniform(0.8, 1.3)
                    lift = height - extent - 0.05
                    self._stand(lateral, z - 0.08, extent, extent, plate, LABEL["SignSymbol"], lift=lift)
                z += rng.uniform(6, 12)

    # --- what moves ---

    def _add_car(self, lateral: float, z: float, speed: float, oncoming: bool) -> None:
        """A car whose rear (or front, if oncoming) shows; ``speed`` in metres per frame along its heading."""
        rng, tile = self.rng, self.tile
        heading = self.ground.heading(z) + rng.normal(0, 0.02)
        along = np.array([np.sin(heading), 0, np.cos(heading)])
        right = np.array([along[2], 0, -along[0]])
        velocity = along * (-speed if oncoming else speed)
        colour = textures.pick(rng, textures.CAR_COLOURS)
        width, length = rng.uniform(1.65, 1.85), rng.uniform(3.6, 4.6)
        corner = self.ground.at(lateral, z) - right * width / 2
        self._shadow(lateral, z - 0.2, width + 0.3, length + 0.4, velocity)
        ends = textures.car_end(rng, tile, colour, oncoming), textures.car_end(rng, tile, colour, not oncoming)
        roof = textures.plain(rng, tile, colour)
        label = LABEL["Car"]
        if rng.random() < 0.2:
            van = {name: textures.plain(rng, tile, colour) for name in ("back", "front", "side", "top")}
            van["side"][4:11, 3:-3, :3] = van["back"][4:12, 4:-4, :3] = (52, 58, 66)
            self._box(corner, heading, (width + 0.2, rng.uniform(2.0, 2.6), length + 0.8), van, label, velocity)
            return
        body = {"back": ends[0], "front": ends[1], "side": textures.car_side(rng, tile, colour), "top": roof}
        self._box(corner, heading, (width, 0.92, length), body, label, velocity)
        window = textures.car_window(rng, tile, colour, 1)
        cabin = {"back": window, "front": window, "side": textures.car_window(rng, tile, colour, 3), "top": roof}
        foot = corner + right * 0.1 + along * 0.18 * length - np.array([0, 0.9, 0])
        self._box(foot, heading, (width - 0.2, rng.uniform(0.5, 0.68), 0.55 * length), cabin, label, velocity)

    def _add_parked_cars(self) -> None:
        rng = self.rng
        for side in (-1, 1):
            density = rng.uniform(0, 0.7)
            z = rng.uniform(6, 12)
            while z < min(self.end - 20, 55):
                if rng.random() < density and not self._in_crossing(z, 5):
                    self._add_car(side * (self.ground.half_road - 1.0), z, 0.0, oncoming=rng.random() < 0.5)
                z += rng.uniform(5.5, 8)

    def _add_traffic(self) -> None:
        rng = self.rng
        ahead = rng.uniform(9, 22)
        for _ in range(rng.integers(1, 3)):
            self._add_car(self.ride.lateral, ahead, self.ride.speed * rng.uniform(0.95, 1.3), oncoming=False)
            ahead += rng.uniform(12, 20)
        z = rng.uniform(10, 25)
        for _ in range(rng.integers(0, 4)):
            self._add_car(1.9, z, rng.uniform(0.3, 0.8), oncoming=True)
            z += rng.uniform(10, 18)

    def _add_people(self) -> None:
        rng = self.rng
        figures = [textures.person(rng, self.tile) for _ in range(5)]
        for _ in range(rng.integers(7, 15)):
            height = rng.uniform(1.15, 1.9) if rng.random() < 0.2 else rng.uniform(1.6, 1.9)
            z = rng.uniform(5, 26)
            walk = np.array([0, 0, rng.choice([-1, 1]) * rng.uniform(0.8, 1.6) / FRAMES_PER_SECOND])
            lateral = rng.choice([-1, 1]) * (self.ground.half_road + rng.uniform(0.3, self.ground.pavement))
            if rng.random() < 0.15:
                lateral, walk = rng.uniform(-4, 4), walk[[2, 1, 0]]
                z += 5
            self._stand_moving(lateral, z, 0.42 * height, height, figures[rng.integers(5)], "Pedestrian", walk)
        for _ in range(rng.integers(2, 5)):
            across = rng.random() < 0.3
            ride = np.array([0, 0, rng.uniform(2.5, 5.0) / FRAMES_PER_SECOND])
            z, width = rng.uniform(7, 20), 0.95
            lateral = rng.choice([-1, 1]) * (self.ground.half_road - rng.uniform(0.2, 2.4))
            if across:
                ride, width = ride[[2, 1, 0]] * 0.6, 1.7
            elif lateral > 0:
                ride = -ride
            rider = textures.bicyclist(rng, self.tile, across)
            self._stand_moving(lateral, z, width, 1.75, rider, "Bicyclist", ride)

    def _stand_moving(
        self,
        lateral: float,
        z: float,
        width: float,
        height: float,
        texture: np.ndarray,
        name: str,
        velocity: np.ndarray,
    ) -> None:
        tint = self.rng.uniform(0.75, 1.2)
        self._stand(lateral, z, width, height, texture, LABEL[name], velocity=velocity, tint=tint)
        self._shadow(lateral, z - 0.25, width, 0.5, velocity)

    def _add_clutter(self) -> None:
        """Boxes that carry no label, as the real sets have."""
        rng = self.rng
        for _ in range(rng.integers(2, 5)):
            faces = dict.fromkeys(
                ("back", "front", "side", "top"),
                textures.plain(rng, self.tile, textures.pick(rng, textures.CLOTH_COLOURS)),
            )
            lateral = rng.choice([-1, 1]) * (self.ground.half_road + rng.uniform(0.8, 2.5))
            corner = self.ground.at(lateral, rng.uniform(6, 30))
            extent = rng.uniform(0.4, 0.8), rng.uniform(0.7, 1.3), rng.uniform(0.4, 0.9)
            self._box(corner, 0.0, extent, faces, CAMVID_VOID, np.zeros(3))
