"""``gaussmix demo``."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gaussmix.cli.console import command, fit_progress, notes
from gaussmix.cli.outputs import check_output_folder, complete_folder
from gaussmix.cli.summary import fit_summary, mixture_summary, print_apart, segments_summary
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import entry_grid


@command
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")] = Path(
        "demo-output"
    ),
) -> None:
    """Fit a table and a photograph, and write what comes out."""
    from gaussmix.cli.demo_run import run_demo

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


def _closing_lines(folder: Path) -> list[str]:
    gaussmix = _command_as_typed()
    place = shlex.quote(str(folder))
    return [
        "Look at:",
        f"  {folder / 'china' / 'figure.png'}: the photograph, its segments, and how they overlap",
        f"  {folder / 'old_faithful.png'}: two kinds of eruptions, and how sure the model is of each",
        f"  {folder / 'china' / 'segment-0.png'} to segment-4.png: the cut-outs, from dark to bright",
        "Try next:",
        f"  {gaussmix} predict {place}/old_faithful.json {place}/old_faithful.csv --proba -o {place}/labels.csv",
        f"  {gaussmix} report {place}/old_faithful.json {place}/old_faithful.csv -o {place}/old_faithful.html",
        f"  {gaussmix} sample {place}/old_faithful.json -n 5 --seed 1",
        f"  {gaussmix} segment {place}/china.png -k 3 -o {place}/china-3",
    ]


def _command_as_typed() -> str:
    """The command; with its folder unless the shell would find this one anyway."""
    python = Path(sys.executable)
    found = shutil.which("gaussmix")
    if found is not None and Path(found).parent == python.parent:
        return "gaussmix"
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    script = python.with_name("gaussmix")
    return shlex.quote(str(script)) if script.exists() else f"{shlex.quote(str(python))} -m gaussmix"
