import numpy as np
import pytest

from common.panels import Panel, caption_font, legend, panel_grid


def test_panel_grid_keeps_the_pixels_of_each_panel_and_leaves_empty_places_white():
    red, blue = np.full((20, 30, 3), (255, 0, 0), np.uint8), np.full((20, 30, 3), (0, 0, 255), np.uint8)
    grid = panel_grid([Panel(red, "a"), None, None, Panel(blue, "b")], columns=2)
    is_red, is_blue = (grid == (255, 0, 0)).all(axis=2), (grid == (0, 0, 255)).all(axis=2)
    assert is_red.sum() == is_blue.sum() == 600
    half_height, half_width = grid.shape[0] // 2, grid.shape[1] // 2
    assert is_red[:half_height, :half_width].sum() == is_blue[half_height:, half_width:].sum() == 600
    assert (grid[:half_height, half_width + 5 :] == 255).all()


def test_panel_grid_keeps_a_long_caption_above_its_own_panel():
    panel = np.full((20, 60, 3), 255, np.uint8)
    grid = panel_grid([Panel(panel, "a caption that is far too wide"), Panel(panel, "")], columns=2)
    assert (grid[:, : grid.shape[1] // 2] < 128).any()
    assert (grid[:, grid.shape[1] // 2 + 5 :] == 255).all()


@pytest.mark.parametrize("size", [(400, 300), (60, 400)])
def test_legend_shows_every_colour_at_any_height(size):
    colours = [(10 * index, 255 - 10 * index, 7) for index in range(11)]
    picture = legend([f"class {index}" for index in range(11)], colours, size)
    assert picture.shape == (*size, 3)
    assert all((picture == colour).all(axis=2).sum() > 20 for colour in colours)


def test_captions_have_a_font_of_any_size_that_is_read_once():
    assert caption_font(24).getlength("word") > caption_font(12).getlength("word") > 0
    assert caption_font(12) is caption_font(12)
