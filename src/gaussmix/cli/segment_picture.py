"""``gaussmix segment``."""

import re
import warnings
from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command, notes, run_fit, shown_progress
from gaussmix.cli.options import Components, CovarianceType, CovarianceTypeOption, SeedOption, Starts, TimeBudget, given
from gaussmix.cli.outputs import check_output_folder, complete_folder
from gaussmix.cli.summary import facts, print_apart, segments_summary
from gaussmix.imaging import (
    MOST_SEGMENTS,
    Segmentation,
    fit_picture,
    in_gray,
    read_picture,
    segmentation_files,
    write_segmentation,
)
from gaussmix.plots import segmentation_figure, write_figure


@command
def segment(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture in any format that pillow reads.")],
    components: Components,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    covariance_type: CovarianceTypeOption = CovarianceType.FULL,
    gray: Annotated[bool, typer.Option("--gray", help="Use brightness only.")] = False,
    n_init: Starts = None,
    time_budget: TimeBudget = None,
    seed: SeedOption = 0,
) -> None:
    """Segment a picture by color: labels, cut-outs, probability maps, a figure and the model.

    Segments are numbered from dark to bright. labels.png holds the numbers (255: transparent in the picture),
    segments.png shows them in their mean colors.
    """
    if components > MOST_SEGMENTS:
        raise ValueError(f"-k can be at most {MOST_SEGMENTS} (a label in labels.png is one byte), got {components}")
    names = ["figure.png", *segmentation_files(components)]
    check_output_folder(output, names, image)
    picture = read_picture(image)
    if gray:
        picture = in_gray(picture)
    from gaussmix.estimators import GaussianMixture

    with shown_progress(notes()) as callback:
        estimator = GaussianMixture(
            components,
            covariance_type=covariance_type.value,
            random_state=seed,
            callback=callback,
            **given(n_init=n_init, time_budget=time_budget),
        )
        interrupt = run_fit(estimator, lambda: fit_picture(picture, estimator))
    segmentation = Segmentation.of(picture, estimator.mixture_)
    figure = segmentation_figure(
        picture.shown(),
        segmentation.recolored(),
        segmentation.probability_maps,
        segmentation.mixture,
        picture.rows,
        segmentation.colors,
        title=f"{image.name}: {components} segments",
    )
    with complete_folder(output) as partial:
        write_segmentation(partial, segmentation)
        write_figure(partial / "figure.png", figure)
    _warn_of_older(output, names)
    lines = [
        ("pixels", f"{len(picture.rows):,}"),
        ("why it stopped", estimator.stop_reason_),
        ("written", f"{output}: {', '.join(names[:4])}, cut-outs segment-*.png, maps probability-*.png"),
    ]
    print_apart(segments_summary(segmentation), facts(lines))
    if interrupt:
        raise interrupt


def _warn_of_older(folder: Path, names: list[str]) -> None:
    """Numbered files of an earlier run with more segments stay, but not unsaid."""
    older = sorted(
        path.name
        for path in folder.iterdir()
        if re.fullmatch(r"(segment|probability)-\d+\.png", path.name) and path.name not in names
    )
    if older:
        warnings.warn(f"{folder} still has files of an earlier run: {', '.join(older)}", stacklevel=2)
