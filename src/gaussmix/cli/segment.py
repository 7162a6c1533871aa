"""``gaussmix segment``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command
from gaussmix.cli.options import CovarianceType, CovarianceTypeOption, SeedOption, flag
from gaussmix.cli.picture_input import find_pictures
from gaussmix.cli.reading_options import (
    Alpha,
    Background,
    BackgroundOption,
    Channels,
    Level,
    MaxGigabytes,
    Nodata,
    Volume,
    read_options,
)
from gaussmix.cli.segment_files import Settings, segment_one, segment_several
from gaussmix.cli.segment_options import (
    Connected,
    Contrast,
    Files,
    Labels,
    Mask,
    Model,
    Neighbors,
    PerClass,
    Position,
    Tiles,
    photograph_parameters,
    refuse_options_of_fits,
    seed_parameters,
)
from gaussmix.cli.segment_tiles import is_for_tiles, segment_tiles
from gaussmix.cli.summary import print_apart
from gaussmix.imaging.files.options import MAX_BYTES


class ColorSpace(StrEnum):
    """Color spaces of `gaussmix.imaging.images.colors.COLOR_SPACES`."""

    RGB = "rgb"
    GRAY = "gray"
    LAB = "lab"


@command
def segment(
    context: typer.Context,
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    model: Model = None,
    components: Annotated[
        str,
        typer.Option(
            "--components", "-k", metavar="NUMBER|auto", help="Number of classes; auto: estimated from the pixels."
        ),
    ] = "auto",
    color: Annotated[ColorSpace, typer.Option(help="Color space.")] = ColorSpace.RGB,
    smoothing: Annotated[
        str,
        typer.Option(metavar="auto|NUMBER", help="Smoothness of the labels; 0: neighbors are ignored."),
    ] = "auto",
    position: Position = None,
    neighbors: Neighbors = None,
    contrast: Contrast = None,
    mask: Mask = None,
    labels: Labels = None,
    components_per_class: PerClass = None,
    connected: Connected = False,
    fractions: Annotated[
        bool, flag("--fractions", help="Write the fraction of each class in each pixel (partial volume).")
    ] = False,
    bias_field: Annotated[
        bool, flag("--bias-field", help="Correct for a smooth bias field (magnetic resonance).")
    ] = False,
    each: Annotated[bool, flag("--each", help="Fit one model for each file instead of one for all.")] = False,
    volume: Volume = False,
    channels: Channels = False,
    nodata: Nodata = None,
    alpha: Alpha = None,
    level: Level = 0,
    max_gigabytes: MaxGigabytes = MAX_BYTES / 1e9,
    background: BackgroundOption = Background.LAST,
    maps: Annotated[
        bool | None,
        typer.Option(
            "--maps/--no-maps", help="Write probabilities, uncertainty and cut-outs; by default for a single file only."
        ),
    ] = None,
    tiles: Tiles = None,
    covariance_type: CovarianceTypeOption = CovarianceType.FULL,
    seed: SeedOption = 0,
) -> None:
    """Segment pictures and volumes by color, and write labels, segments, probability maps, a figure and the model.

    Segments are numbered from 0 by brightness, dark to bright. Transparent, NaN and masked pixels are ignored.
    Results have the size of the picture and its geometry: the format is that of the picture, NIfTI for DICOM, or PNG.
    Of a picture that is segmented tile by tile, the labels, a figure and the model are written.
    """
    if model is not None:
        refuse_options_of_fits(context)
    reading = read_options(volume, channels, nodata, alpha, max_gigabytes, level)
    given = find_pictures(files, mask, labels, reading)
    settings = Settings(
        output,
        {
            "n_components": _number_of_classes(components),
            "color_space": color.value,
            "smoothing": _number_or_auto(smoothing),
            "covariance_type": covariance_type.value,
            "random_state": seed,
            **({"bias_field": True} if bias_field else {}),
            **photograph_parameters(position, neighbors, contrast),
            **seed_parameters(components_per_class, connected, has_labels=labels is not None),
        },
        each,
        len(given) == 1 if maps is None else maps,
        fractions,
        background.value,
        model,
    )
    in_tiles = is_for_tiles(context, given, tiles)
    if len(given) == 1:
        print_apart(*(segment_tiles if in_tiles else segment_one)(given[0], settings))
        return
    parts, wrong = segment_several(given, settings)
    print_apart(*parts)
    if wrong:
        raise ValueError(f"{len(wrong)} of {len(given)} files could not be segmented: {'; '.join(wrong)}")


def _number_of_classes(text: str) -> int | str:
    if text == "auto" or (text.isdecimal() and 1 <= int(text) <= 255):
        return text if text == "auto" else int(text)
    raise ValueError(f"-k must be a number from 1 to 255 (a label is one byte) or auto; got {text!r}")


def _number_or_auto(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        if text == "auto":
            return text
        raise ValueError(f"--smoothing must be a number or auto; got {text!r}") from None
