"""Pictures of what detectors find, miss and get wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw

from common.panels import Panel, caption_font, legend, panel_grid
from common.sources import evenly_spread
from tasks.det.error_types import FALSE_KINDS, RIGHT, SortedImage

LEAST_WIDTH, MOST_WIDTH = 480, 960  # of a panel, pixels
TILE = 240  # side of a picture of one object, pixels
LEAST_WINDOW = 24  # pixels of the image around one object
FONT_SIZE = 13
LEGEND_HEIGHT = 56  # of two lines

# Okabe and Ito, Color Universal Design, 2008. What is not found is dashed, so that colour is not all that tells.
FOUND, WRONG, MISSED, ONLY_HERE, IGNORED = (0, 158, 115), (213, 94, 0), (240, 228, 66), (86, 180, 233), (150, 150, 150)


class Mark(NamedTuple):
    """A box to draw: x1 y1 x2 y2 in pixels of the image, RGB colour, words above it (dashed: below), and its line."""

    box: Sequence[float]
    colour: tuple[int, int, int]
    text: str = ""
    dashed: bool = False
    thick: bool = False


def draw_marks(
    image: np.ndarray, marks: Sequence[Mark], window: Sequence[float] | None = None, width: int | None = None
) -> np.ndarray:
    """Boxes over an image, or over a part of it, with their words; lines keep their width whatever the enlargement.

    Args:
        image: RGB ``[H, W, 3]``, uint8; is left as it is.
        marks: the boxes, later ones on top; those outside of the window are not seen.
        window: x1 y1 x2 y2, the part to show, in whole pixels inside of the image.
        width: of the picture; by default the image's own between 480 and 960, small ones by a whole factor.

    Returns:
        RGB picture, uint8.
    """
    left, top, right, bottom = map(int, window or (0, 0, image.shape[1], image.shape[0]))
    part = np.ascontiguousarray(image[top:bottom, left:right])
    scale = (width or _display_width(right - left)) / (right - left)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if width is None else cv2.INTER_CUBIC
    picture = cv2.resize(part, size, interpolation=method)
    placed = []
    for mark in marks:
        x1, y1, x2, y2 = (np.asarray(mark.box, np.float64) - (left, top, left, top)) * scale
        if x2 > 0 and y2 > 0 and x1 < size[0] and y1 < size[1]:
            corners = np.clip([x1, y1, x2 - 1, y2 - 1], -1e4, 1e4)
            placed.append((mark, [round(float(value)) for value in corners]))
    for mark, corners in placed:
        _draw_box(picture, corners, mark)
    return _write_texts(picture, placed)


def _draw_box(picture: np.ndarray, corners: Sequence[int], mark: Mark) -> None:
    x1, y1, x2, y2 = corners
    thickness = 4 if mark.thick else 2
    # A dark rim shows light colours on light ground.
    for colour, extra in (((0, 0, 0), 2), (mark.colour, 0)):
        if not mark.dashed:
            cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thickness + extra, cv2.LINE_AA)
            continue
        for (ax, ay), (bx, by) in (
            ((x1, y1), (x2, y1)),
            ((x2, y1), (x2, y2)),
            ((x2, y2), (x1, y2)),
            ((x1, y2), (x1, y1)),
        ):
            length = max(abs(bx - ax), abs(by - ay), 1)
            for start in range(0, length, 12):
                ends = [
                    (round(ax + (bx - ax) * at / length), round(ay + (by - ay) * at / length))
                    for at in (start, min(start + 6, length))
                ]
                cv2.line(picture, *ends, colour, thickness + extra)


def _write_texts(picture: np.ndarray, placed: Sequence[tuple[Mark, Sequence[int]]]) -> np.ndarray:
    canvas = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(canvas), caption_font(FONT_SIZE)
    for mark, (x1, y1, _, y2) in placed:
        if not mark.text:
            continue
        wide, high = draw.textlength(mark.text, font), FONT_SIZE + 3
        left = max(0, min(x1, canvas.width - wide - 4))
        # Words of a dashed box stand below it, where they hide none of a box at the same place.
        above, below = (y1 - high, y1) if not mark.dashed else (y2 - high, y2)
        top = below if (mark.dashed and below + high <= canvas.height) or above < 0 else above
        top = min(max(0, top), canvas.height - high)
        draw.rectangle((left, top, left + wide + 4, top + high), fill=mark.colour)
        dark = np.dot(mark.colour, (0.299, 0.587, 0.114)) < 128
        draw.text((left + 2, top + high / 2), mark.text, fill="white" if dark else "black", font=font, anchor="lm")
    return np.asarray(canvas)


def _display_width(width: int) -> int:
    return MOST_WIDTH if width > MOST_WIDTH else width * max(1, round(LEAST_WIDTH / width))


def truth_marks(found: SortedImage, classes: Sequence[str], palette: Sequence[Sequence[int]]) -> list[Mark]:
    """The true objects in the colours of their classes; ignored ones are grey and dashed."""
    return [
        Mark(box, IGNORED, f"{classes[label]} (ignored)", dashed=True)
        if ignored
        else Mark(box, tuple(palette[label]), classes[label])
        for box, label, ignored in zip(found.objects.boxes, found.objects.labels, found.objects.ignored, strict=True)
    ]


def outcome_marks(found: SortedImage, classes: Sequence[str], reference: SortedImage | None = None) -> list[Mark]:
    """What a detector finds (green), gets wrong (orange, with the kind of error) and misses (yellow, dashed).

    Args:
        found: of one image.
        classes: their names.
        reference: the same image by another detector: an object that it does not find is blue, and thicker, where this
            one finds it.
    """
    missed = [
        Mark(found.objects.boxes[place], MISSED, classes[found.objects.labels[place]], dashed=True)
        for place in np.flatnonzero(~found.found & ~found.objects.ignored)
    ]
    wrong, right = [], []
    for place, kind in enumerate(found.kinds):
        box, label = found.detections.boxes[place], found.detections.labels[place]
        text = f"{classes[label]} {found.detections.scores[place]:.2f}"
        if kind in FALSE_KINDS:
            wrong.append(Mark(box, WRONG, f"{text} {kind}"))
        elif kind == RIGHT:
            gained = reference is not None and not reference.found[found.meant[place]]
            right.append(Mark(box, ONLY_HERE if gained else FOUND, text, thick=gained))
    return wrong + missed + right  # what is wrong hides nothing


def comparison_picture(
    image: np.ndarray,
    found: Mapping[str, SortedImage],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
) -> np.ndarray:
    """An image with its true objects, and with what each detector makes of it, side by side.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        found: name of the network -> its sorted detections; what others find and the first does not is blue.
        classes: their names.
        palette: their colours, for the true objects.

    Returns:
        RGB picture, uint8.
    """
    first = next(iter(found.values()))
    panels = [Panel(draw_marks(image, truth_marks(first, classes, palette)), "true objects")]
    for name, each in found.items():
        reference = None if each is first else first
        panels.append(Panel(draw_marks(image, outcome_marks(each, classes, reference)), _caption(name, each)))
    keys = {"found": FOUND, "wrong": WRONG, "missed (dashed)": MISSED}
    if len(found) > 1:
        keys[f"found, {next(iter(found))} misses it"] = ONLY_HERE
    columns = min(len(panels), 3)
    grid = panel_grid([*panels, *[None] * (-len(panels) % columns)], columns)
    foot = legend(list(keys), list(keys.values()), (LEGEND_HEIGHT, grid.shape[1]))
    return np.concatenate([grid, foot])


def _caption(name: str, found: SortedImage) -> str:
    missing = ~found.found & ~found.objects.ignored
    wrong = sum(kind in FALSE_KINDS for kind in found.kinds)
    return f"{name}: {int(found.found.sum())} found, {int(missing.sum())} missed, {wrong} wrong"


def only_found(here: SortedImage, elsewhere: SortedImage) -> np.ndarray:
    """Objects that one network finds and the other does not, bool ``[n]``."""
    return here.found & ~elsewhere.found


def choose_images(networks: Sequence[Sequence[SortedImage]], count: int) -> list[tuple[int, str]]:
    """The images worth a look.

    With several networks: by turns the image where the last one finds most that the first misses, less the reverse,
    and the one where it finds least, so that the pictures flatter neither. With one: evenly spread images.

    Returns:
        Pairs of the image's place and why it was chosen.
    """
    if len(networks) == 1:
        return [(index, "one of evenly spread images") for index in evenly_spread(len(networks[0]), count)]
    counts = [
        (int(only_found(last, first).sum()), int(only_found(first, last).sum()))
        for first, last in zip(networks[0], networks[-1], strict=True)
    ]
    best_first = sorted(range(len(counts)), key=lambda index: counts[index][1] - counts[index][0])
    chosen = []
    for place in range(min(count, len(counts))):
        index = best_first.pop(0 if place % 2 == 0 else -1)
        side = "best" if place % 2 == 0 else "worst"
        gained, lost = counts[index]
        told = f"{gained} objects found that the first misses, {lost} the other way round"
        chosen.append((index, f"among the images where the last network does {side} against the first ({told})"))
    return chosen


class Gain(NamedTuple):
    """An object that only one of two networks finds: the image's place, the object's there, and the score it gets."""

    image: int
    place: int
    score: float


def object_gains(here: Sequence[SortedImage], elsewhere: Sequence[SortedImage]) -> list[Gain]:
    """All objects that one network finds and the other does not, highest score first."""
    gains = []
    for index, (one, other) in enumerate(zip(here, elsewhere, strict=True)):
        for place in np.flatnonzero(only_found(one, other)):
            right = [at for at, kind in enumerate(one.kinds) if kind == RIGHT and one.meant[at] == place]
            gains.append(Gain(index, int(place), float(one.detections.scores[right[0]])))
    return sorted(gains, key=lambda gain: -gain.score)


def gain_sheet(
    views: Sequence[tuple[np.ndarray, str, int, Mapping[str, SortedImage]]], classes: Sequence[str]
) -> np.ndarray:
    """Close views of single objects, as each of the networks sees them, a row of pairs.

    Args:
        views: of each object: the image (RGB, uint8), words for it, the object's place, and name of the network -> the
            image's sorted detections.
        classes: their names.

    Returns:
        RGB picture, uint8.
    """
    panels = []
    for image, words, place, found in views:
        objects = next(iter(found.values())).objects
        window = _window_around(objects.boxes[place], image.shape[:2])
        for name, each in found.items():
            # Neighbours' marks would hide the object that is shown.
            near = [mark for mark in outcome_marks(each, classes) if _concerns(mark, objects.boxes[place])]
            tile = draw_marks(image, near, window, TILE)[:TILE]
            panels.append(Panel(tile, f"{name}: {words}"))
    columns = 2 * len(views[0][3]) if len(views) > 1 else len(views[0][3])
    return panel_grid([*panels, *[None] * (-len(panels) % columns)], columns)


def _concerns(mark: Mark, box: np.ndarray) -> bool:
    """Whether a mark covers the middle of a box."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return mark.box[0] <= x <= mark.box[2] and mark.box[1] <= y <= mark.box[3]


def _window_around(box: np.ndarray, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around a box with half as much again on each side, moved and cut to lie inside of the image."""
    height, width = shape
    side = max(LEAST_WINDOW, 2 * (box[2] - box[0]), 2 * (box[3] - box[1]))
    columns, rows = (int(min(round(side), length)) for length in (width, height))
    left = int(np.clip(round((box[0] + box[2] - columns) / 2), 0, width - columns))
    top = int(np.clip(round((box[1] + box[3] - rows) / 2), 0, height - rows))
    return left, top, left + columns, top + rows
