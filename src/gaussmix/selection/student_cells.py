"""Search of models of t distributions, from the models of normal ones, from partitions, and from special cases."""

from collections.abc import Iterator, Mapping

import numpy as np

from gaussmix.core.typing import FloatArray
from gaussmix.fitting.m_step import MaximumLikelihood, with_degrees
from gaussmix.fitting.multistart import SHORT, Multistart, SearchSettings
from gaussmix.fitting.runs import Run
from gaussmix.fitting.sample import Sample, cluster
from gaussmix.fitting.starts import start_from_labels
from gaussmix.selection.cells import Cell
from gaussmix.selection.family_cells import NEAR, AbstractFamilyCells, Start
from gaussmix.selection.model_names import ModelSpec, as_origin

_PARTITIONS = 2


class StudentCells(AbstractFamilyCells):
    """Search of models of t distributions, with degrees of freedom for each component."""

    def family_update(self, update: MaximumLikelihood) -> MaximumLikelihood:
        return with_degrees(update, "each")

    def search(self, data: Sample, update: MaximumLikelihood, root: FloatArray, settings: SearchSettings) -> Multistart:
        return Multistart(self.searched, data, update, root, settings, NEAR)

    def begin(self, search: Multistart, starts: list[Start]) -> list[tuple[str, Run]]:
        return [(name, search.short_runs([mixture], SHORT)[0]) for name, mixture in starts]

    def special_cases(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterator[Start]:
        """Yield the optima of special cases: of normal distributions, and of simpler structures."""
        names = self.nearest_structures(spec)
        simpler = [ModelSpec(spec.n_components, name).of_family("student") for name in names]
        for other in [spec.of_family("gaussian"), *simpler]:
            cell = cells.get(other)
            if cell is None or cell.mixture is None or cell.n_unsound:
                continue
            mixture = cell.mixture.promote_to(spec.structure)
            degrees = mixture.degrees_of_freedom
            infinite = np.full(spec.n_components, np.inf) if degrees is None else degrees
            alike = mixture.with_components(mixture.weights, mixture.means, mixture.covariance, infinite)
            yield as_origin(other, mixture.n_features), alike

    def starts(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterator[Start]:
        """Yield starts with few degrees of freedom: the model of normal distributions, and partitions."""
        plain = cells.get(spec.of_family("gaussian"))
        if plain is not None and plain.mixture is not None:
            yield as_origin(plain.spec, plain.mixture.n_features), plain.mixture
        data = self.sample_of(spec.structure.form)
        for _ in range(_PARTITIONS if spec.n_components > 1 else 1):
            labels = cluster(data.whitened, data, spec.n_components, self.rng)
            yield "k-means", start_from_labels(data, labels, spec.structure, spec.n_components)
