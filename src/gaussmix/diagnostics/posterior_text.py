"""Sentences about a posterior."""

from collections.abc import Iterator
from typing import Any

from gaussmix.core.text import Entry, counted

_LIKELY = 0.01  # probability from which on a number of components is listed


def posterior_entries(posterior: dict[str, Any]) -> Iterator[Entry]:
    """Yield labeled sentences about the facts of `gaussmix.diagnostics.posterior.inspect_posterior`."""
    yield Entry("evidence", f"at least {posterior['lower_bound']:.3f} nats, with all constants")
    likely = [
        f"{number} ({probability:.0%})"
        for number, probability in enumerate(posterior["n_components"])
        if probability >= _LIKELY
    ]
    yield Entry("components with rows", ", ".join(likely))
    if posterior["n_pruned"]:
        most = counted(posterior["most_components"], "component")
        yield Entry("removed", f"{posterior['n_pruned']} of {most} had less than one expected row")
