"""Search of models with uniform noise, from dense rows, from special cases, and from the models without noise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gaussmix.core.covariance import covariance_class
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.agglomeration import merge_cells
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LONGER, SHORT, Multistart, SearchSettings
from gaussmix.fitting.noise_region import region_of
from gaussmix.fitting.noise_search import NoiseMultistart
from gaussmix.fitting.noise_starts import FEW_NOISE, DenseRows, dense_rows, with_weight_of_noise
from gaussmix.fitting.runs import Run
from gaussmix.fitting.sample import Sample, cluster
from gaussmix.fitting.starts import start_from_labels
from gaussmix.selection.cells import Cell
from gaussmix.selection.family_cells import NEAR, AbstractFamilyCells, Start
from gaussmix.selection.model_names import ModelSpec, as_origin

_SHORT, _LONGER = 6, 3  # starts that run a few iterations, and more


@dataclass(eq=False)
class NoiseCells(AbstractFamilyCells):
    """Search of models with uniform noise.

    Attributes
    ----------
    noise_volume : float or str
        Volume of the noise (`region_of`).
    """

    noise_volume: float | str = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._background = region_of(self.rows, self.noise_volume)
        full, most = covariance_class("full"), max(spec.n_components for spec in self.models)
        self._levels = dense_rows(self.sample, self._background, full, most, self.rng)
        self._level_samples: dict[tuple[int, Form], Sample] = {}
        self._labels: dict[tuple[int, int], list[tuple[str, IntArray]]] = {}

    def search(
        self, data: Sample, update: MaximumLikelihood, root: FloatArray, settings: SearchSettings
    ) -> NoiseMultistart:
        return NoiseMultistart(self.searched, data, update, root, settings, NEAR, background=self._background)

    def begin(self, search: Multistart, starts: list[Start]) -> list[tuple[str, Run]]:
        begun = [(name, search.short_runs([mixture], 1)[0]) for name, mixture in starts]
        most = sorted(begun, key=lambda run: run[1].rank)[:_SHORT]
        runs = [(name, search.longer_runs([run], SHORT)[0]) for name, run in most]
        some = sorted(runs, key=lambda run: run[1].rank)[:_LONGER]
        return [(name, search.longer_runs([run], LONGER)[0]) for name, run in some]

    def special_cases(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterator[Start]:
        """Yield the optima of special cases: without noise, and of simpler structures with noise."""
        plain = cells.get(spec.without_noise())
        if plain is not None and plain.mixture is not None and not plain.n_unsound:
            nothing = with_weight_of_noise(plain.mixture, self._background, 0.0)
            yield as_origin(plain.spec, nothing.n_features), nothing
        for name in self.nearest_structures(spec):
            cell = cells.get(ModelSpec(spec.n_components, name).with_noise())
            if cell is not None and cell.mixture is not None and not cell.n_unsound:
                yield as_origin(cell.spec, cell.mixture.n_features), cell.mixture.promote_to(spec.structure)

    def starts(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterator[Start]:
        """Yield starts from partitions of the dense rows, and from the model without noise."""
        plain = cells.get(spec.without_noise())
        if plain is not None and plain.mixture is not None:
            yield as_origin(plain.spec, plain.mixture.n_features), self._with_noise(plain.mixture)
        for at, level in enumerate(self._levels):
            data = self._sample_of(at, spec.structure.form)
            for name, labels in self._partitions(at, spec.n_components):
                start = start_from_labels(data, labels, spec.structure, spec.n_components)
                yield f"{name} of {1 - level.noise:.0%} of the rows", self._with_noise(start, level)

    def _with_noise(self, mixture: Mixture, level: DenseRows | None = None) -> Mixture:
        return with_weight_of_noise(mixture, self._background, FEW_NOISE if level is None else level.noise)

    def _partitions(self, at: int, size: int) -> list[tuple[str, IntArray]]:
        """Return partitions of the rows of a level, the same for all structures."""
        if (at, size) not in self._labels:
            data = self._levels[at].data
            found = [("k-means", cluster(data.whitened, data, size, self.rng))]
            if size > 1 and data.rows.n_features <= MOST_FEATURES:
                whitened = data.rows.with_values(data.whitened)
                found.append(("agglomeration", merge_cells(whitened, "full", size, self.rng)))
            self._labels[at, size] = found
        return self._labels[at, size]

    def _sample_of(self, at: int, form: Form) -> Sample:
        """Return the rows of a level in the units of a form."""
        if (at, form) not in self._level_samples:
            data = self._levels[at].data
            self._level_samples[at, form] = Sample.of(data.rows, form)
        return self._level_samples[at, form]
