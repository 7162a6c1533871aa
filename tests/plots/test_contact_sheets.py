"""The contact sheet of segmented pictures."""

from itertools import combinations

import numpy as np
import pytest

from gaussmix.plots import contact_sheet
from gaussmix.plots.contact_sheets import MOST_PAIRS


def _pairs(n):
    rng = np.random.default_rng(0)
    shapes = [(20, 30), (30, 20), (25, 25)]
    pictures = [rng.integers(0, 256, (*shapes[number % 3], 3), dtype=np.uint8) for number in range(n)]
    return [f"picture-{number}.png" for number in range(n)], pictures, [picture // 2 for picture in pictures]


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 5, 13, MOST_PAIRS + 2])
def test_contact_sheet_has_each_picture_beside_its_segments(n):
    names, pictures, segments = _pairs(n)
    figure = contact_sheet(names, pictures, segments, [2.0] * n, title="title", subtitle="below")
    shown = min(n, MOST_PAIRS)
    assert len(figure.axes) == 2 * shown
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    for number in range(shown):
        left, right = figure.axes[2 * number : 2 * number + 2]
        np.testing.assert_array_equal(left.images[0].get_array(), pictures[number])
        np.testing.assert_array_equal(right.images[0].get_array(), segments[number])
        assert left.texts[0].get_text() == names[number]
        tallness = boxes[2 * number].height * height / (boxes[2 * number].width * width)
        assert tallness == pytest.approx(2 * pictures[number].shape[0] / pictures[number].shape[1])
    for first, second in combinations(boxes, 2):
        apart = first.x1 <= second.x0 or second.x1 <= first.x0 or first.y1 <= second.y0 or second.y1 <= first.y0
        assert apart
    assert all(0 <= edge <= 1 for box in boxes for edge in (box.x0, box.x1, box.y0, box.y1))
    said = [text.get_text() for text in figure.texts]
    assert "title" in said
    assert ("below" if n <= MOST_PAIRS else f"below; the first {MOST_PAIRS} of {n}") in said


def test_long_names_on_a_contact_sheet_lose_their_middle():
    names, pictures, segments = _pairs(6)
    names[0] = "a" * 80 + "-0001.png"
    figure = contact_sheet(names, pictures, segments, [1.0] * 6, title="")
    assert figure.axes[0].texts[0].get_text().startswith("aaa")
    assert figure.axes[0].texts[0].get_text().endswith("…001.png")
