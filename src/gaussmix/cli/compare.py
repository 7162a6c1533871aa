"""``gaussmix compare``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gaussmix.cli.console import command, notes, results
from gaussmix.cli.options import Components, SeedOption
from gaussmix.cli.outputs import check_output_folder
from gaussmix.core.output_files import complete_folder
from gaussmix.core.progress import progress_bar
from gaussmix.imaging import read_picture
from gaussmix.plots import write_figure


@command
def compare(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A gray or RGB picture.")],
    components: Components,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    n_seeds: Annotated[int, typer.Option("--seeds", min=2, help="Number of seeds for each kind of start.")] = 10,
    seed: SeedOption = 0,
) -> None:
    """Segment a picture by several methods: color and gray, mixture and k-means, hard and soft labels, several starts.

    Writes table.txt and figure.png, and prints the table.
    """
    names = ["table.txt", "figure.png"]
    check_output_folder(output, names, image)
    picture = read_picture(image)
    from gaussmix.imaging import compare

    pixels = picture.pixels[..., 0] if picture.pixels.shape[-1] == 1 else picture.pixels
    with progress_bar("Comparing", console=notes()):
        found = compare(pixels, components, mask=picture.visible, n_seeds=n_seeds, random_state=seed)
    figure = found.figure(f"{image.name}: {components} classes of pixels, by method and by start")
    results().print(Text(str(found)), soft_wrap=True)
    with complete_folder(output) as partial:
        (partial / "table.txt").write_text(f"{found}\n")
        write_figure(partial / "figure.png", figure)
    typer.echo(f"\nwritten  {output}: {', '.join(names)}")
