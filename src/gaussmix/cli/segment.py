"""``gaussmix segment``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command
from gaussmix.cli.options import CovarianceType, CovarianceTypeOption, SeedOption
from gaussmix.cli.picture_input import find_pictures
from gaussmix.cli.segment_files import Settings, segment_one, segment_several
from gaussmix.cli.summary import print_apart


class ColorSpace(StrEnum):
    """Color spaces, as in `gaussmix.imaging.images.colors.COLOR_SPACES`."""

    RGB = "rgb"
    GRAY = "gray"
    LAB = "lab"


@command
def segment(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="Pictures or volumes (PNG, JPEG, TIFF, NIfTI, .npy), or folders."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    components: Annotated[
        str,
        typer.Option(
            "--components", "-k", metavar="NUMBER|auto", help="How many classes; auto: as many as can be told apart."
        ),
    ] = "auto",
    color: Annotated[ColorSpace, typer.Option(help="What colors are measured in.")] = ColorSpace.RGB,
    smoothing: Annotated[
        str,
        typer.Option(metavar="auto|NUMBER", help="How much neighbors are alike; 0: each pixel stands alone."),
    ] = "auto",
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Only pixels that are not 0 in this picture count. A folder: masks named as the files.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Scribbles: a picture of class numbers, or painted in a color for each class. A folder: as masks.",
        ),
    ] = None,
    fractions: Annotated[
        bool, typer.Option("--fractions", help="Write how much of each class is in each pixel (partial volume).")
    ] = False,
    bias_field: Annotated[
        bool, typer.Option("--bias-field", help="Divide by a smooth field first (magnetic resonance).")
    ] = False,
    each: Annotated[bool, typer.Option("--each", help="A model for each file, not one for all.")] = False,
    volume: Annotated[bool, typer.Option("--volume", help="Nameless pages of a TIFF are slices of a volume.")] = False,
    maps: Annotated[
        bool | None,
        typer.Option(
            "--maps/--no-maps", help="Write probabilities, uncertainty and cut-outs; if not given, for a single file."
        ),
    ] = None,
    covariance_type: CovarianceTypeOption = CovarianceType.FULL,
    seed: SeedOption = 0,
) -> None:
    """Segment pictures and volumes by color: labels, segments, probability maps, a contact sheet and the model.

    Segments are numbered from 0, dark, to bright. Pixels that are transparent, NaN or masked do not count.
    Results lie on the picture: NIfTI beside NIfTI, TIFF beside TIFF, PNG beside all other pictures.
    """
    given = find_pictures(files, mask, labels, volume=volume)
    settings = Settings(
        output,
        {
            "n_components": _number_of_classes(components),
            "color_space": color.value,
            "smoothing": _number_or_auto(smoothing),
            "covariance_type": covariance_type.value,
            "random_state": seed,
            **({"bias_field": True} if bias_field else {}),
        },
        each,
        len(given) == 1 if maps is None else maps,
        fractions,
    )
    if len(given) == 1:
        print_apart(*segment_one(given[0], settings))
        return
    parts, wrong = segment_several(given, settings)
    print_apart(*parts)
    if wrong:
        raise ValueError(f"{len(wrong)} of {len(given)} files are left out: {'; '.join(wrong)}")


def _number_of_classes(text: str) -> int | str:
    if text == "auto" or (text.isdecimal() and 1 <= int(text) <= 255):
        return text if text == "auto" else int(text)
    raise ValueError(f"-k is a number from 1 to 255 (a label is one byte), or auto; got {text!r}")


def _number_or_auto(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        if text == "auto":
            return text
        raise ValueError(f"--smoothing is a number, or auto; got {text!r}") from None
