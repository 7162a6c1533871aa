"""``gaussmix report``."""

from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command
from gaussmix.cli.options import HeaderFlag, ModelPath, NoHeaderFlag, SeedOption, TablePath, flag, header_given
from gaussmix.cli.outputs import check_output
from gaussmix.cli.select import numbers_in
from gaussmix.cli.summary import print_apart
from gaussmix.cli.table_input import WeightsOption, read_features, read_weights
from gaussmix.core.mixture import Mixture
from gaussmix.core.output_files import complete_file
from gaussmix.core.text import Entry, entry_grid


@command
def report(
    model: ModelPath,
    table: TablePath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Report to write, a self-contained .html file.")],
    components: Annotated[
        str | None,
        typer.Option(
            "--components",
            "-k",
            metavar="RANGE",
            help="Numbers of components to compare with, such as 1:9; if not given, up to three more.",
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Title of the page; by default the names of the files.")
    ] = None,
    no_compare: Annotated[bool, flag("--no-compare", help="Do not compare with other models.")] = False,
    weights: WeightsOption = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Write a report with figures on a model and a table to a single HTML file."""
    check_output(output, model, table)
    if output.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{output} must end in .html")
    if components is not None and no_compare:
        raise ValueError("-k and --no-compare cannot be combined; omit one of them")
    numbers = () if no_compare else None if components is None else numbers_in(components)
    mixture = Mixture.load(model)
    rows = read_features(mixture, table, leaving_out=weights, header=header_given(header, no_header))
    row_weights = None if weights is None else read_weights(table, weights, header_given(header, no_header))
    from gaussmix.html_report import write_report

    interrupt = None
    with complete_file(output) as partial:
        try:
            write_report(
                partial,
                mixture,
                rows,
                sample_weight=row_weights,
                n_components=numbers,
                title=title or f"{model.name} on {table.name}",
                random_state=seed,
                progress=True,
            )
        except KeyboardInterrupt as pressed:
            if not partial.exists():
                raise
            interrupt = KeyboardInterrupt("Interrupted: the report has the models that were compared until then.")
            interrupt.__cause__ = pressed
    print_apart(entry_grid([Entry("report", str(output))]))
    if interrupt:
        raise interrupt
