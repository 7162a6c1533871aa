"""Options of ``gaussmix segment`` for photographs, masks and known pixels, named as in Python."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gaussmix.cli.options import flag, options_given

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES...",
        help="Pictures or volumes (PNG, JPEG, TIFF, OME-Zarr, NIfTI, NRRD, MetaImage, DICOM, .npy), or folders.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--with",
        metavar="MODEL",
        help="Segment with this model (`model.json` of another run) instead of fitting one.",
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|FOLDER",
        help="Use only pixels that are not 0 in this picture, or in the picture of the same name in a folder.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|FOLDER",
        help="Known classes of pixels: a picture with a number or color for each class, or a folder of them.",
    ),
]
Position = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        help="Add the coordinates as features, from 0 to this number; 1 suits photographs.",
    ),
]
Neighbors = Annotated[
    int | None,
    typer.Option(
        metavar="4|8|6|18|26",
        help="Neighbors of a pixel: 4 or 8, in a volume 6, 18 or 26; by default the fewest, 8 with --labels.",
    ),
]
Contrast = Annotated[
    bool | None,
    typer.Option(
        "--contrast/--no-contrast",
        metavar="",
        help="Whether neighbors that differ in color have less influence; by default with --labels.",
    ),
]
Connected = Annotated[
    bool, flag("--connected", help="Keep the parts of a class that touch known pixels of it; requires --labels.")
]
PerClass = Annotated[
    int | None,
    typer.Option(
        "--components-per-class",
        min=1,
        metavar="NUMBER",
        help="Components of each class; requires --labels, with which it is 5 for colors and 1 for others.",
    ),
]

Tiles = Annotated[
    bool | None,
    typer.Option(
        "--tiles/--no-tiles",
        help="Fit to a sample and label tile by tile, in little memory; by default for a TIFF or OME-Zarr above 1 GB.",
    ),
]

_OF_WHOLES = ("position", "mask", "labels", "components_per_class", "connected", "fractions", "bias_field", "maps")
_OF_FITS = (
    *("components", "color", "smoothing", "position", "neighbors", "contrast", "components_per_class", "connected"),
    *("bias_field", "each", "covariance_type", "seed"),
)


def refuse_options_of_fits(context: typer.Context) -> None:
    """Raise a ValueError if an option of a fit was given; a model has its own."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name) if option.name in _OF_FITS else None
        if source is not None and source.name != "DEFAULT":
            raise ValueError(f"{option.opts[0]} is fixed by the model of --with; omit one of the two")


def options_of_wholes(context: typer.Context) -> list[str]:
    """Return the options that were given and need the whole picture in memory."""
    return [
        option.opts[0]
        for option in context.command.params
        if option.name in _OF_WHOLES and context.params[option.name] not in (None, False)
    ]


def photograph_parameters(position: float | None, neighbors: int | None, contrast: bool | None) -> dict[str, Any]:
    """Return the parameters of a segmenter that were given."""
    return options_given(position=position, n_neighbors=neighbors, contrast=contrast)


def seed_parameters(components_per_class: int | None, connected: bool, *, has_labels: bool) -> dict[str, Any]:
    """Return the parameters of a segmenter that were given and require known pixels.

    Raises
    ------
    ValueError
        If there are no known pixels.
    """
    given = options_given(components_per_class=components_per_class, connected=connected or None)
    if given and not has_labels:
        name = next(iter(given)).replace("_", "-")
        raise ValueError(f"--{name} requires known pixels: give --labels, or omit it")
    return given
