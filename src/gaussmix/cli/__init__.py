"""The command ``gaussmix``."""

from typing import Annotated

import typer

import gaussmix
from gaussmix.cli import (
    application,
    apply,
    bayes,
    classify,
    compare,
    demo,
    fit,
    impute,
    outliers,
    plot,
    report,
    segment,
    select,
)
from gaussmix.cli.options import flag

app = typer.Typer(
    name="gaussmix",
    epilog="Start with: gaussmix demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example: gaussmix fit old_faithful.csv -k 2 -o model.json")(fit.fit)
app.command(epilog="Example: gaussmix select old_faithful.csv -k 1:6 -o results.csv --model model.json")(select.select)
app.command(epilog="Example: gaussmix bayes old_faithful.csv -o model.json --posterior posterior.json")(bayes.bayes)
app.command(epilog="Example: gaussmix classify penguins.csv --label species -o model.json")(classify.classify)
app.command(epilog="Example: gaussmix predict model.json old_faithful.csv --proba -o labels.csv")(apply.predict)
app.command(epilog="Example: gaussmix score model.json old_faithful.csv")(apply.score)
app.command(epilog="Example: gaussmix impute table.csv -o filled.csv")(impute.impute)
app.command(epilog="Example: gaussmix sample model.json -n 1000 --seed 0 -o sample.csv")(apply.sample)
app.command(epilog="Example: gaussmix outliers model.json old_faithful.csv -o flagged.csv")(outliers.outliers)
app.command(epilog="Example: gaussmix plot model.json old_faithful.csv -o figure.png")(plot.plot)
app.command(epilog="Example: gaussmix report model.json old_faithful.csv -o report.html")(report.report)
app.command(epilog="Example: gaussmix segment photo.jpg -k 4 -o segments")(segment.segment)
app.command(epilog="Example: gaussmix compare photo.jpg -k 3 -o comparison")(compare.compare)
app.command("app", epilog="Example: gaussmix app photo.jpg")(application.application)
app.command(epilog="Example: gaussmix demo -o demo-output")(demo.demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gaussmix {gaussmix.__version__}")
        raise typer.Exit


@app.callback()
def _gaussmix(
    version: Annotated[
        bool, flag("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Gaussian mixture models: fit tables, segment pictures."""


def main() -> None:
    """Run the command line."""
    app()


__all__ = ["app", "main"]
