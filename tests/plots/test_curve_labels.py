"""Labels on curves."""

import matplotlib.pyplot as plt
import numpy as np

from gaussmix.plots.curve_labels import CurveLabels


def test_words_stand_where_there_is_room():
    axes = plt.subplots()[1]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    curve = np.column_stack([np.linspace(0.1, 0.9, 81), np.full(81, 0.5)])
    labels = CurveLabels(axes)
    labels.avoid(curve[:60] + np.array([0.0, 0.01]))
    assert labels.write("50 %", curve, "black")
    assert axes.texts[0].get_position() == tuple(curve[-1])
    assert labels.write("95 %", curve[:66], "black")
    assert axes.texts[1].get_position() == tuple(curve[65])
    labels.avoid(curve)
    assert not labels.write("99 %", curve, "black")
    assert not labels.write("99 %", curve + 1, "black")
