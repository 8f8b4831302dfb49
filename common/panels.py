"""Pictures side by side with captions, and legends of colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont


class Panel(NamedTuple):
    """One picture ``[H, W, 3]`` (RGB, uint8) of a grid, and the words above it."""

    picture: np.ndarray
    caption: str


def panel_grid(panels: Sequence[Panel | None], columns: int) -> np.ndarray:
    """Panels side by side, ``columns`` in a row, each under its caption; None leaves a place empty.

    Returns:
        RGB picture ``[H, W, 3]``, uint8.
    """
    height = max(panel.picture.shape[0] for panel in panels if panel)
    width = max(panel.picture.shape[1] for panel in panels if panel)
    gap, size = 10, 18
    strip = size + 10
    rows = math.ceil(len(panels) / columns)
    canvas = Image.new("RGB", (columns * (width + gap) + gap, rows * (strip + height) + (rows + 1) * gap // 2), "white")
    draw = ImageDraw.Draw(canvas)
    for index, panel in enumerate(panels):
        if panel is None:
            continue
        left = gap + (index % columns) * (width + gap)
        top = gap // 2 + (index // columns) * (strip + height + gap // 2)
        font = caption_font(size)
        while draw.textlength(panel.caption, font) > width and font.size > 10:
            font = caption_font(font.size - 1)
        caption = panel.caption
        while draw.textlength(caption, font) > width and len(caption) > 1:
            caption = caption[:-2] + "…"
        draw.text((left, top + strip - 5), caption, fill="black", font=font, anchor="ls")
        canvas.paste(Image.fromarray(panel.picture), (left, top + strip))
    return np.asarray(canvas)


def legend(names: Sequence[str], colours: Sequence[Sequence[int]], size: tuple[int, int]) -> np.ndarray:
    """Named colour patches on white, in as many columns as the height asks for.

    Args:
        size: height and width of the picture, in pixels.

    Returns:
        RGB picture ``[H, W, 3]``, uint8.
    """
    height, width = size
    step = 28
    columns = max(1, math.ceil(len(names) / max(1, height // step)))
    lines = math.ceil(len(names) / columns)
    step = max(10, min(step, height // max(1, lines)))
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        left, top = (index // lines) * (width // columns), (index % lines) * step
        draw.rectangle((left, top + 2, left + 22, top + step - 4), fill=tuple(colour), outline="#666666")
        font = caption_font(min(18, step - 4))
        draw.text((left + 30, top + step / 2 - 1), name, fill="black", font=font, anchor="lm")
    return np.asarray(canvas)


@cache
def caption_font(size: float) -> ImageFont.FreeTypeFont:
    """The font of words in pictures: matplotlib brings it along, so they look the same on every machine."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)
