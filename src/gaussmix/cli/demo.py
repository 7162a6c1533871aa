"""``gaussmix demo``."""

import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gaussmix.cli.console import command, fit_progress, notes
from gaussmix.cli.outputs import check_output_folder
from gaussmix.cli.summary import fit_summary, mixture_summary, print_apart, segments_summary
from gaussmix.core.mixture import Mixture
from gaussmix.core.output_files import complete_folder
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import entry_grid
from gaussmix.core.typing import FloatArray
from gaussmix.datasets import load_old_faithful
from gaussmix.fitting.em import Progress
from gaussmix.imaging import Picture, Segmentation, named_mixture, segment_picture, write_picture, write_segmentation
from gaussmix.plots import scatter_figure, segmentation_figure, write_figure

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture


@command
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.")] = Path(
        "demo-output"
    ),
) -> None:
    """Fit a table and a photograph, and write the results to a folder."""
    check_output_folder(output, [])
    with fit_progress(notes()) as callback, complete_folder(output) as partial:
        found = run_demo(partial, callback)
    print_apart(
        Text("Old Faithful: 272 eruptions of a geyser", style="bold"),
        mixture_summary(found.mixture),
        entry_grid(fit_summary(found.eruptions, WeightedRows(found.rows))),
        Text(f"A photograph: {found.segmentation.picture.n_visible:,} pixels", style="bold"),
        segments_summary(found.segmentation),
    )
    typer.echo("\n" + "\n".join(_closing_lines(output)))


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Results of the demo.

    Attributes
    ----------
    rows : (272, 2) array
        Rows of the Old Faithful data.
    eruptions : GaussianMixture
        Estimator fitted to these rows.
    mixture : Mixture
        Fitted mixture with named features.
    segmentation : Segmentation
        Segmentation of a photograph.
    """

    rows: FloatArray
    eruptions: "GaussianMixture"
    mixture: Mixture
    segmentation: Segmentation


def run_demo(folder: Path, callback: Callable[[Progress], object] | None = None) -> DemoResult:
    """Fit Old Faithful and a photograph from scikit-learn, and write tables, models and figures.

    Parameters
    ----------
    folder : Path
        Folder to write to; it must exist.
    callback : callable, optional
        Function called at every iteration of the fits.
    """
    from gaussmix.estimators import GaussianMixture
    from gaussmix.imaging import GaussianMixtureSegmenter

    rows, feature_names = load_old_faithful()
    eruptions = GaussianMixture(2, random_state=0, callback=callback).fit(rows)
    mixture = replace(eruptions.mixture_, feature_names=feature_names)
    figure = scatter_figure(
        mixture,
        rows,
        title="Old Faithful: two kinds of eruptions",
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
    return DemoResult(rows, eruptions, mixture, segmentation)


def _photograph() -> Picture:
    """Load a photograph of the Summer Palace in Beijing, 640 by 427 pixels."""
    from sklearn.datasets import load_sample_image

    return Picture(load_sample_image("china.jpg"))


def _closing_lines(folder: Path) -> list[str]:
    gaussmix = _command_as_typed()
    place = shlex.quote(str(folder))
    return [
        "Look at:",
        f"  {folder / 'china' / 'figure.png'}: the photograph, its segments and their probabilities",
        f"  {folder / 'old_faithful.png'}: two kinds of eruptions, and the probability of each",
        f"  {folder / 'china' / 'segment-0.png'} to segment-4.png: the cut-outs, from dark to bright",
        "Try next:",
        f"  {gaussmix} predict {place}/old_faithful.json {place}/old_faithful.csv --proba -o {place}/labels.csv",
        f"  {gaussmix} report {place}/old_faithful.json {place}/old_faithful.csv -o {place}/old_faithful.html",
        f"  {gaussmix} sample {place}/old_faithful.json -n 5 --seed 1",
        f"  {gaussmix} segment {place}/china.png -k 3 -o {place}/china-3",
    ]


def _command_as_typed() -> str:
    """Return the command as it can be typed in this shell, with its path if necessary."""
    python = Path(sys.executable)
    found = shutil.which("gaussmix")
    if found is not None and Path(found).parent == python.parent:
        return "gaussmix"
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    script = python.with_name("gaussmix")
    return shlex.quote(str(script)) if script.exists() else f"{shlex.quote(str(python))} -m gaussmix"
