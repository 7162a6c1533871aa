"""The command lines and the Python lines that give what the page shows."""

import shlex
from collections.abc import Sequence

from gaussmix.app.tables.em_runs import StartRequest
from gaussmix.app.tables.model_search import SearchRequest, as_range
from gaussmix.selection.model_names import ModelSpec


def commands_of_search(
    name: str, columns: Sequence[str], header: bool | None, request: SearchRequest, spec: ModelSpec, *, is_best: bool
) -> str:
    """Return the command lines that find a model and write its labels.

    Parameters
    ----------
    name : str
        Name of the table.
    columns : sequence of str
        Names of the chosen columns.
    header : bool or None
        Whether the first line has the names; None if that is found out.
    request : SearchRequest
        The search.
    spec : ModelSpec
        The model that is shown.
    is_best : bool
        Whether it is the one that the search selects by BIC.

    Returns
    -------
    str
        Lines for a shell.
    """
    table = shlex.quote(name if not name.startswith("-") else f"./{name}")
    first = [] if header is None else ["--header" if header else "--no-header"]
    options = ["--columns", _csv_line(columns), "--seed", str(request.seed), *first]
    if is_best:
        models = ["-k", as_range(request.numbers), "--covariance-type", request.structures]
        note = ""
    else:
        models = ["-k", str(spec.n_components), "--covariance-type", spec.covariance_type]
        note = "# A search of this model alone; in the page, its neighbors gave it starts, too.\n"
    after = "".join(f" {option}" for option in first)
    return (
        f"{note}gaussmix select {table} {shlex.join([*models, *options])} --model model.json\n"
        f"gaussmix predict model.json {table} --proba --join{after} -o rows.csv\n"
        f"gaussmix outliers model.json {table} --control fdr{after}\n"
        f"gaussmix report model.json {table}{after} -o report.html\n"
    )


def commands_of_em() -> str:
    """Return what the command line can do about EM step by step."""
    return "# The command line runs EM to its end; use the Python lines for single steps.\n"


def python_of_search(
    name: str, columns: Sequence[str], header: bool | None, request: SearchRequest, spec: ModelSpec, *, is_best: bool
) -> str:
    """Return the Python lines that find a model and give its labels; arguments as for `commands_of_search`."""
    model = "mixture_" if is_best else f"cells_[{spec.n_components}, {spec.covariance_type!r}].mixture"
    numbers, whole = request.numbers, range(request.numbers[0], request.numbers[-1] + 1)
    shown = f"range({whole.start}, {whole.stop})" if tuple(whole) == numbers else str(list(numbers))
    return (
        "from gaussmix import GaussianMixtureIC\n"
        f"{_reading(name, columns, header)}"
        f"search = GaussianMixtureIC({shown}, covariance_types={request.structures!r}, random_state={request.seed})\n"
        f"mixture = search.fit(rows).{model}\n{_RESULTS}"
    )


def python_of_em(name: str, columns: Sequence[str], header: bool | None, request: StartRequest, n_passes: int) -> str:
    """Return the Python lines that run EM from the start of a request, and take the mixture after some passes."""
    means = f", means_init=rows[{list(request.means_at)}]" if request.means_at else ""
    return (
        "from gaussmix import GaussianMixture, trace_em\n"
        f"{_reading(name, columns, header)}"
        f"estimator = GaussianMixture({request.n_components}, covariance_type={request.covariance_type!r}, "
        f"init_params={request.method!r}{means},\n"
        f"                            n_init=1, max_iter=0, random_state={request.seed})\n"
        f"trace = trace_em(rows, estimator.fit(rows).mixture_, {request.n_iter})\n"
        f"mixture = trace.mixtures[{n_passes}]\n" + _RESULTS
    )


_RESULTS = """labels = mixture.labels(rows)
probabilities = mixture.responsibilities(rows)
p_values = mixture.log_density_distribution().cdf(mixture.log_density(rows))
"""


def _reading(name: str, columns: Sequence[str], header: bool | None) -> str:
    first = "" if header is None else f", header={header}"
    return (
        "from gaussmix.tables import read_table\n\n"
        f"rows = read_table({name!r}, {list(columns)!r}{first}, allow_missing=True).rows\n"
    )


def _csv_line(names: Sequence[str]) -> str:
    """Return names as the value of ``--columns``; names with commas or quotation marks are quoted as in CSV."""
    quoted = ('"' + name.replace('"', '""') + '"' if set(name) & set(',"\n') else name for name in names)
    return ",".join(quoted)
