"""The demo: a table and a photograph, fitted, drawn and written to a folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.datasets import load_old_faithful
from gaussmix.fitting.em import Progress
from gaussmix.imaging import Picture, Segmentation, named_mixture, segment_picture, write_picture, write_segmentation
from gaussmix.plots import scatter_figure, segmentation_figure, write_figure

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo found.

    Attributes
    ----------
    rows : (272, 2) array
        Old Faithful.
    eruptions : GaussianMixture
        Fitted to them.
    mixture : Mixture
        The same, with the names of the features.
    segmentation : Segmentation
        Of a photograph.
    """

    rows: FloatArray
    eruptions: "GaussianMixture"
    mixture: Mixture
    segmentation: Segmentation


def run_demo(folder: Path, callback: Callable[[Progress], object] | None = None) -> Demo:
    """Fit Old Faithful and a photograph that scikit-learn ships, and write tables, models and figures.

    Parameters
    ----------
    folder : Path
        An existing folder.
    callback : callable, optional
        Watches the fits.
    """
    from gaussmix.estimators import GaussianMixture
    from gaussmix.imaging import GaussianMixtureSegmenter

    rows, feature_names = load_old_faithful()
    eruptions = GaussianMixture(2, random_state=0, callback=callback).fit(rows)
    mixture = replace(eruptions.mixture_, feature_names=feature_names)
    figure = scatter_figure(
        mixture,
        rows,
        title="Old Faithful: short eruptions, short waits",
        labels=("duration of the eruption (minutes)", "wait for the next one (minutes)"),
    )
    (folder / "old_faithful.csv").write_bytes(files("gaussmix.datasets").joinpath("old_faithful.csv").read_bytes())
    mixture.save(folder / "old_faithful.json")
    write_figure(folder / "old_faithful.png", figure)

    picture = _photograph()
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(5, color_space="lab", random_state=0))
    figure = segmentation_figure(
        picture.shown(),
        segmentation.recolored(),
        segmentation.maps,
        segmentation.mixture,
        segmentation.features(),
        segmentation.colors,
        title="A photograph as a mixture of five colors",
    )
    write_picture(folder / "china.png", picture.pixels)
    (folder / "china").mkdir()
    write_segmentation(folder / "china", segmentation)
    named_mixture(segmentation.segmenter, picture).save(folder / "china" / "model.json")
    write_figure(folder / "china" / "figure.png", figure)
    return Demo(rows, eruptions, mixture, segmentation)


def _photograph() -> Picture:
    """The Summer Palace in Beijing, 640 by 427 pixels."""
    from sklearn.datasets import load_sample_image

    return Picture(load_sample_image("china.jpg"))
