"""A mixture as text."""

from typing import TYPE_CHECKING

from gaussmix.core.covariance import display_name
from gaussmix.core.text import align_columns, counted, plural
from gaussmix.core.typing import FloatArray

if TYPE_CHECKING:
    from gaussmix.core.mixture import Mixture

_MOST_COMPONENTS, _MOST_FEATURES = 12, 6


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
    name = display_name(mixture.covariance_type, mixture.n_features)
    blocks = [f"Mixture of {counted(k, 'component')} in {counted(mixture.n_features, 'feature')}, {name} covariances"]
    some = mixture.take(range(shown)).covariance
    if mixture.covariance.form in ("diagonal", "spherical"):
        spreads = list(some.variances()[:, :, None])
    else:
        spreads = list(some.dense())
    is_shared = mixture.covariance.form == "tied" and k > 1
    for component in range(shown):
        heading = f"component {component}, weight {mixture.weights[component]:.4g}"
        spread = None if is_shared else spreads[component]
        blocks.append(f"{heading}\n{_table(mixture.names, mixture.means[component], spread)}")
    if is_shared:
        blocks.append(f"every component\n{_table(mixture.names, None, spreads[0])}")
    if shown < k:
        blocks.append(f"... {k - shown} more {plural('component', k - shown)}")
    return "\n\n".join(blocks)


def _table(names: tuple[str, ...], mean: FloatArray | None, spread: FloatArray | None) -> str:
    """Return the mean and the variances (d, 1) or the covariance (d, d) of a component, a line for each feature."""
    d = min(len(names), _MOST_FEATURES)
    head, cells = [""], [[f"  {name}"] for name in names[:d]]
    if mean is not None:
        head.append("mean")
        for line, value in zip(cells, mean, strict=False):
            line.append(f"{value:.5g}")
    if spread is not None:
        n_columns = min(spread.shape[1], d)
        head += ["variance" if spread.shape[1] == 1 else "covariance", *[""] * (n_columns - 1)]
        for line, values in zip(cells, spread, strict=False):
            line += [f"{value:.4g}" for value in values[:n_columns]]
    rest = [] if d == len(names) else [f"  ... {len(names) - d} more {plural('feature', len(names) - d)}"]
    return "\n".join([align_columns([head, *cells]), *rest])
