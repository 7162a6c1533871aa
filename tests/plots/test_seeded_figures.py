"""The figure of a picture that was segmented from known pixels."""

import numpy as np
import pytest

from gaussmix.plots import seeded_figure
from gaussmix.plots.seeded_figures import MOST_CUT_OUTS


@pytest.mark.parametrize("n_classes", [1, 2, 3, 7, 12, 20])
@pytest.mark.parametrize("shape", [(30, 40), (90, 20)])
def test_figure_has_the_picture_the_classes_and_each_cut_out(n_classes, shape):
    pixels = np.zeros((*shape, 3), dtype=np.uint8)
    names = [f"Segment {number}" for number in range(n_classes)]
    cut_outs = [np.zeros((*shape, 4), dtype=np.uint8)] * min(n_classes, MOST_CUT_OUTS)
    figure = seeded_figure(pixels, pixels, cut_outs, names, title="t")
    written = [axes.texts[0].get_text() for axes in figure.axes]
    assert written == [
        "Picture with the known pixels", "Classes in the colors of the known pixels", *names[:MOST_CUT_OUTS]
    ]  # fmt: skip
    assert all(len(axes.images) == 1 for axes in figure.axes)
    assert ("the first 12 of 20" in figure.texts[1].get_text()) == (n_classes == 20)
