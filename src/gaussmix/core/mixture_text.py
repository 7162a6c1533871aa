"""A mixture as text, and as HTML for notebooks."""

from typing import TYPE_CHECKING

from gaussmix.core.component_means import format_means
from gaussmix.core.covariance import display_name
from gaussmix.core.markup import Markup
from gaussmix.core.notebook import table_html
from gaussmix.core.text import align_columns, counted, plural
from gaussmix.core.typing import FloatArray

if TYPE_CHECKING:
    from gaussmix.core.mixture import Mixture

_MOST_COMPONENTS, _MOST_FEATURES = 12, 6
_MOST_ACROSS, _MOST_DOWN = 8, 40  # columns and lines of the table in a notebook


def abbreviate_mixture(mixture: "Mixture") -> str:
    """Return the size and the structure of a mixture as one line."""
    name, k, d = type(mixture).__name__, mixture.n_components, mixture.n_features
    return f"{name}(n_components={k}, n_features={d}, covariance_type={mixture.covariance_type!r})"


def format_mixture(mixture: "Mixture") -> str:
    """Return weights, means and covariances of the components as text.

    Variances replace covariances where the features are uncorrelated; a covariance that all components share is shown
    once. At most 12 components and 6 features are shown.
    """
    k, shown = mixture.n_components, min(mixture.n_components, _MOST_COMPONENTS)
    blocks = [_title(mixture)]
    if mixture.background is not None:
        noise = mixture.background
        blocks.append(f"uniform noise, weight {noise.weight:.4g}, volume {noise.volume:.4g}")
    some = mixture.take(range(shown)).covariance
    if mixture.covariance.form in ("diagonal", "spherical", "factor"):  # factors are for many features
        spreads = list(some.variances()[:, :, None])
    else:
        spreads = list(some.dense())
    is_shared, is_t = mixture.covariance.form == "tied" and k > 1, mixture.degrees_of_freedom is not None
    for component in range(shown):
        heading = f"component {component}, weight {mixture.weights[component]:.4g}"
        if mixture.degrees_of_freedom is not None:
            heading += f", {mixture.degrees_of_freedom[component]:.4g} degrees of freedom"
        spread = None if is_shared else spreads[component]
        blocks.append(f"{heading}\n{_table(mixture.names, mixture.means[component], spread, is_t=is_t)}")
    if is_shared:
        blocks.append(f"every component\n{_table(mixture.names, None, spreads[0], is_t=is_t)}")
    if shown < k:
        blocks.append(f"... {k - shown} more {plural('component', k - shown)}")
    return "\n\n".join(blocks)


def mixture_html(mixture: "Mixture") -> Markup:
    """Return weights, means and standard deviations as a table; components are columns if features do not fit."""
    k, d = mixture.n_components, mixture.n_features
    across, down = (d, k) if d <= _MOST_ACROSS else (k, d)
    across, down = min(across, _MOST_ACROSS), min(down, _MOST_DOWN)
    some = mixture.take(range(min(k, _MOST_DOWN)), mixture.weights[:_MOST_DOWN])
    cells = format_means(some)
    weights = [f"{weight:.4g}" for weight in some.weights]
    columns: list[object]
    if d <= _MOST_ACROSS:
        columns = ["component", "weight", *mixture.names]
        lines = [[f"{at}", weights[at], *cells[at]] for at in range(down)]
    else:
        columns = ["", *(f"component {at}" for at in range(across))]
        lines = [["weight", *weights[:across]]]
        lines += [[mixture.names[at], *(line[at] for line in cells[:across])] for at in range(down)]
    shown_k, shown_d = (down, d) if d <= _MOST_ACROSS else (across, down)
    rest = [counted(k - shown_k, "component")] if shown_k < k else []
    rest += [counted(d - shown_d, "feature")] if shown_d < d else []
    more = f"; not shown: {' and '.join(rest)}" if rest else ""
    noise = "" if mixture.background is None else f" (weight of the noise {mixture.background.weight:.4g})"
    shown = "mean ± standard deviation" if mixture.degrees_of_freedom is None else "center ± root of the scale"
    return table_html(f"{_title(mixture)}{noise}; {shown}{more}", columns, lines)


def _title(mixture: "Mixture") -> str:
    name = display_name(mixture.covariance_type, mixture.n_features)
    k, d = counted(mixture.n_components, "component"), counted(mixture.n_features, "feature")
    noise = "" if mixture.background is None else " and uniform noise"
    kind, spread = ("Mixture", "covariances") if mixture.degrees_of_freedom is None else ("t mixture", "scale matrices")
    return f"{kind} of {k}{noise} in {d}, {name} {spread}"


def _table(names: tuple[str, ...], mean: FloatArray | None, spread: FloatArray | None, *, is_t: bool) -> str:
    """Return the mean and the variances (d, 1) or the covariance (d, d) of a component, a line for each feature.

    Those of a t distribution are its center, and its squared scales or its scale matrix.
    """
    d = min(len(names), _MOST_FEATURES)
    head, cells = [""], [[f"  {name}"] for name in names[:d]]
    if mean is not None:
        head.append("center" if is_t else "mean")
        for line, value in zip(cells, mean, strict=False):
            line.append(f"{value:.5g}")
    if spread is not None:
        n_columns = min(spread.shape[1], d)
        shown = ("squared scale", "scale matrix") if is_t else ("variance", "covariance")
        head += [shown[spread.shape[1] > 1], *[""] * (n_columns - 1)]
        for line, values in zip(cells, spread, strict=False):
            line += [f"{value:.4g}" for value in values[:n_columns]]
    rest = [] if d == len(names) else [f"  ... {len(names) - d} more {plural('feature', len(names) - d)}"]
    return "\n".join([align_columns([head, *cells]), *rest])
