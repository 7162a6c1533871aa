"""The compiled core: passes over rows, batched EM, images (cpp/README.md)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gaussmix.core.typing import FloatArray, IntArray, Rows, SmallIntArray

def accumulate(
    rows: Rows,
    row_weights: FloatArray | None,
    log_prior: FloatArray | None,
    form: str,
    offsets: FloatArray,
    means: FloatArray,
    factors: FloatArray,
    basis: FloatArray | None,
    counts: FloatArray,
    shifts: FloatArray,
    scatter: FloatArray,
    overlap: FloatArray | None,
    totals: FloatArray,
    rough: bool,
    incomplete: bool = False,
    noise: FloatArray | None = None,
    background: FloatArray | None = None,
    tails: FloatArray | None = None,
    tail_sums: FloatArray | None = None,
    segment_rows: int = 0,
) -> None:
    """Add the sums of one pass to counts, shifts, scatter, overlap and totals, in place."""

def score_rows(
    rows: Rows,
    log_prior: FloatArray | None,
    form: str,
    offsets: FloatArray,
    means: FloatArray,
    factors: FloatArray,
    basis: FloatArray | None,
    log_density: FloatArray | None,
    responsibilities: FloatArray | None,
    labels: IntArray | None,
    scores: FloatArray | None,
    incomplete: bool = False,
    noise: FloatArray | None = None,
    background: FloatArray | None = None,
    tails: FloatArray | None = None,
) -> None:
    """Score the rows and fill the arrays that are not None."""

def accumulate_truncated(
    rows: Rows,
    row_weights: FloatArray | None,
    form: str,
    offsets: FloatArray,
    means: FloatArray,
    factors: FloatArray,
    blocks: IntArray,
    neighbors: SmallIntArray | None,
    n_random: int,
    stream: int,
    everything: bool,
    reach: float,
    candidates: SmallIntArray,
    greatest: NDArray[np.float32],
    counts: FloatArray,
    shifts: FloatArray,
    scatter: FloatArray,
    totals: FloatArray,
    rebuilt: SmallIntArray | None,
) -> tuple[int, int]:
    """Add the sums of one truncated pass, replace the candidates, and return the number of scores and of strays."""

def accumulate_factors(
    rows: Rows,
    row_weights: FloatArray | None,
    log_prior: FloatArray | None,
    offsets: FloatArray,
    means: FloatArray,
    factors: FloatArray,
    least: NDArray[np.float32] | None,
    best: SmallIntArray | None,
    moves: FloatArray,
    scales: FloatArray,
    next_least: NDArray[np.float32] | None,
    next_best: SmallIntArray | None,
    totals: FloatArray,
    counts: FloatArray,
    along: FloatArray,
    inner: FloatArray,
    columns: FloatArray,
) -> None:
    """Write the sums of a pass for factor covariances (cpp/factor/factor.hpp)."""

def score_factors(
    rows: Rows,
    log_prior: FloatArray | None,
    offsets: FloatArray,
    means: FloatArray,
    factors: FloatArray,
    scores: FloatArray,
) -> None:
    """Write the scores of rows for factor covariances."""

def factor_block_rows(n_components: int, n_factors: int) -> int:
    """Return the number of rows whose sums are formed on their own."""

def chain_components(neighbors: SmallIntArray, order: SmallIntArray) -> None:
    """Fill an order of the components in which neighbors are near each other."""

def condition_rows(
    rows: FloatArray,
    form: str,
    offsets: FloatArray,
    observed_means: FloatArray,
    factors: FloatArray,
    target_means: FloatArray,
    coefficients: FloatArray | None,
    residual_variances: FloatArray,
    residual_covariances: FloatArray | None,
    means: FloatArray | None,
    covariances: FloatArray | None,
    variances: FloatArray | None,
    component_means: FloatArray | None,
) -> None:
    """Fill the conditional moments of each row (cpp/pass/conditional.hpp)."""

def cumulative_probabilities(
    weights: FloatArray, means: FloatArray, deviations: FloatArray, values: FloatArray, to: FloatArray
) -> None:
    """Fill the probability of at most each value (cpp/pass/conditional.hpp)."""

def quantiles(
    weights: FloatArray,
    means: FloatArray,
    deviations: FloatArray,
    levels: FloatArray,
    scores: FloatArray,
    to: FloatArray,
) -> None:
    """Fill the quantiles of each row (cpp/pass/conditional.hpp)."""

class DistinctRows:
    """Collects distinct rows and their weights (cpp/pass/distinct.hpp)."""

    def __init__(self, n_rows: int, kept: Rows, weights: FloatArray, weighted: bool) -> None:
        """Prepare to write to kept and weights, whose length is the limit."""

    def add(self, rows: Rows, row_weights: FloatArray | None) -> bool:
        """Add the next rows; False if there are more distinct rows than the limit."""

    def finish(self) -> int:
        """Complete the output and return the number of distinct rows."""

class RandomField:
    """Class probabilities of the pixels of an image (cpp/imaging/random_field.hpp)."""

    def __init__(
        self,
        shape: IntArray,
        n_classes: int,
        offsets: IntArray,
        weights: FloatArray,
        visible: Rows | None,
        edges: Rows | None,
    ) -> None:
        """Reads all arguments, keeps none."""

    def load(self, first: int, scores: FloatArray, keep: bool) -> None:
        """Set the scores of the pixels from the first on."""

    def pool(self) -> None:
        """Give the pixels of each block the probabilities of their summed scores."""

    def sweep(self, smoothing: float, times: int) -> None:
        """Update every pixel by mean field, in place."""

    def draw(self, smoothing: float, seed: int) -> None:
        """Draw every pixel given its neighbors."""

    def free_energy(self, smoothing: float) -> float:
        """Return the free energy, which sweeps never lower."""

    def probabilities(self, first: int, to: Rows) -> None:
        """Fill a table of pixels by classes."""

    def condition(self, smoothing: float, preferences: FloatArray, to: Rows, totals: FloatArray) -> None:
        """Fill the responsibilities given the neighbors, and the totals of the pseudo-likelihood."""

    def labels(self, first: int, to: Rows, elsewhere: int) -> None:
        """Fill the most probable classes."""

def update_fractions(
    shape: IntArray,
    weights: FloatArray,
    rows: Rows,
    origin: FloatArray,
    factor: FloatArray,
    status: Rows,
    fractions_of_states: Rows,
    means: Rows,
    log_weights: Rows,
    smoothing: FloatArray,
    fractions: Rows,
    sums: FloatArray,
) -> None:
    """Update the expected shares of every pixel in place and add to sums (cpp/imaging/fractions.hpp)."""

def common_axes(counts: FloatArray, roots: FloatArray, axes: FloatArray, equal_volume: bool) -> bool:
    """Find the axes that make the covariances of roots nearly diagonal, in place (cpp/em/common_axes.hpp)."""

def em_batch(
    rows: FloatArray,
    row_weights: FloatArray | None,
    model: str,
    responsibilities: FloatArray,
    pseudo_scatter: FloatArray,
    pseudo_rows: float,
    ridge: float,
    max_iter: int,
    nats: float,
    accelerate: bool,
    weights: FloatArray,
    means: FloatArray,
    roots: FloatArray,
    objectives: FloatArray,
    log_likelihoods: FloatArray,
    n_passes: IntArray,
) -> None:
    """Run EM from each of many tables of responsibilities (cpp/em/em_batch.hpp)."""

def cluster_means(
    rows: FloatArray,
    row_weights: FloatArray | None,
    labels: IntArray,
    center: FloatArray,
    unit: float,
    means: FloatArray,
    deviations: FloatArray,
) -> None:
    """Fill the means of clusters and the deviations of rows from them (cpp/pass/cluster_means.hpp)."""

def gains_of_row_moves(
    rows: FloatArray, row_weights: FloatArray | None, labels: IntArray, form: str, some: IntArray, gains: FloatArray
) -> None:
    """Fill what moves of single rows gain (cpp/em/row_moves.hpp)."""

def draw_seeds(
    rows: FloatArray, row_weights: FloatArray | None, n_tries: int, uniforms: FloatArray, seeds: IntArray
) -> None:
    """Fill the positions of the seeds of k-means++ (cpp/em/clustering.hpp)."""

def k_means(
    rows: FloatArray,
    row_weights: FloatArray | None,
    max_iter: int,
    tolerance: float,
    centers: FloatArray,
    labels: IntArray,
) -> float:
    """Move centers by Lloyd's algorithm, and fill the labels; return the sum of squared distances."""

def merge_cells(
    rows: FloatArray,
    row_weights: FloatArray | None,
    form: str,
    n_cells: int,
    n_clusters: int,
    pseudo: float,
    cells: IntArray,
) -> None:
    """Merge cells in place (cpp/em/clustering.hpp)."""

class EmSearch:
    """The steps of a search on a small table (cpp/em/search.hpp)."""

    def __init__(
        self,
        rows: FloatArray,
        row_weights: FloatArray | None,
        model: str,
        n_components: int,
        prior_scatter: FloatArray,
        prior_rows: float,
        ridge: float,
        root: FloatArray,
        target_root: FloatArray,
    ) -> None:
        """Keep all arrays."""

    @property
    def state_size(self) -> int:
        """The size of a state."""

    def start(self, labels: IntArray, state: FloatArray) -> bool:
        """Fill the state of a partition; False if a cluster is empty."""

    def run(
        self,
        states: FloatArray,
        max_iter: int,
        all_steps: bool,
        nats: float,
        accelerate: bool,
        target: float,
        hope: float,
        distance: float,
        seconds: float,
        is_interruptible: bool,
        n_threads: int,
        told: IntArray,
        trace: FloatArray,
    ) -> None:
        """Run EM from states, in place; fill the end, passes, lines of the trace and signs of each run."""

    def split(self, state: FloatArray, n_threads: int, gains: FloatArray, halves: FloatArray) -> None:
        """Split every component."""

    def overlap(self, state: FloatArray, counts: FloatArray, unknown: FloatArray, log_density: FloatArray) -> None:
        """Find how components overlap (cpp/em/overlap.hpp)."""

    def move(
        self, state: FloatArray, halves: FloatArray, first: int, second: int, component: int, moved: FloatArray
    ) -> bool:
        """Merge two components and split a third; False if the result is singular."""

    def transfer(
        self, state: FloatArray, halves: FloatArray, component: int, half: int, to: int, moved: FloatArray
    ) -> bool:
        """Merge one half of a component into another component; False if the result is singular."""

    def swap(self, state: FloatArray, component: int, row: int, swapped: FloatArray) -> bool:
        """Move a component to a row; False if the result is singular."""

    def signs(self, state: FloatArray) -> int:
        """Return what a state tells about degenerate components, the sum of `Search::Sign`."""

class Optimum:
    """An optimum of a model (cpp/em/warm_starts.hpp)."""

    objective: float
    log_likelihood: float
    entropy: float
    ahead: float
    n_passes: int
    is_sound: bool

    @staticmethod
    def make(model: str, weights: FloatArray, means: FloatArray, roots: FloatArray) -> Optimum:
        """Make an optimum without moments."""

    def read(
        self,
        exponent: int,
        center: FloatArray,
        weights: FloatArray,
        means: FloatArray,
        roots: FloatArray,
        counts: FloatArray,
        shifts: FloatArray,
        scatter: FloatArray,
    ) -> None:
        """Fill the arrays in the units of the data, components by descending weight."""

class CellOptimum:
    """An optimum of a model of a table (cpp/em/grid_search.hpp)."""

    optimum: Optimum
    objective: float
    is_given: bool
    kind: int
    origin: int

    def __init__(self, optimum: Optimum, objective: float, is_sound: bool) -> None:
        """Make an optimum that is given to a search."""

class GridModel:
    """A model of a table (cpp/em/grid_search.hpp)."""

    def __init__(
        self,
        request: CellRequest,
        n_components: int,
        log_volume: float,
        row: int,
        is_wanted: bool,
        highest: CellOptimum | None,
        highest_sound: CellOptimum | None,
        fewer: int,
        more: int,
        neighbors: list[int],
    ) -> None:
        """Keep the request and the optima."""

class CellRequest:
    """A model to search (cpp/em/cell_search.hpp)."""

    def __init__(
        self,
        model: str,
        pseudo_scatter: FloatArray,
        pseudo_rows: float,
        ridge: float,
        root: FloatArray,
        same: list[Optimum],
        fewer: Optimum | None,
        more: Optimum | None,
        share: float,
        highest_sound: float,
        highest: float,
    ) -> None:
        """Keep the optima and copy the arrays."""

class CellSearch:
    """The rows of a search over models (cpp/em/cell_search.hpp)."""

    def __init__(self, rows: FloatArray, row_weights: FloatArray | None, rounding: FloatArray, total: float) -> None:
        """Keep the arrays."""

    def search(
        self,
        n_components: int,
        partitions: IntArray,
        requests: list[CellRequest],
        max_iter: int,
        nats: float,
        seconds: float,
        asks: bool,
        n_threads: int,
    ) -> list[tuple[bool, float, list[tuple[Optimum, int, int]]]]:
        """Search several models with as many components: whether it was done, seconds, optima and their starts."""

    def complete(self, request: CellRequest, optimum: Optimum) -> None:
        """Add what other models start from."""

    def is_sound(self, request: CellRequest, optimum: Optimum) -> bool:
        """Return whether no component is unsound."""

    def sweep(
        self,
        models: Sequence[GridModel],
        partitions: Sequence[IntArray],
        max_iter: int,
        nats: float,
        seconds: float,
        asks: bool,
        n_threads: int,
        step: Callable[[int], object],
        results: list[tuple[bool, float, CellOptimum | None, CellOptimum | None]],
    ) -> None:
        """Search all models of a table; append whether each was searched, the seconds and the best optima."""

    def refine(
        self,
        requests: Sequence[CellRequest],
        optima: Sequence[Optimum],
        max_iter: int,
        nats: float,
        n_threads: int,
    ) -> list[tuple[Optimum, float]]:
        """Continue runs from optima; return the results and the seconds of each."""

def common_volumes(counts: FloatArray, covariances: FloatArray, tolerance: float, volumes: FloatArray) -> bool:
    """Find the volumes of covariances that are multiples of one matrix, in place (cpp/em/structures.hpp)."""

def k_means_labels(
    rows: FloatArray,
    row_weights: FloatArray | None,
    n_components: int,
    n_tries: int,
    max_iter: int,
    uniforms: FloatArray,
    labels: IntArray,
) -> None:
    """Fill the labels of runs of k-means (cpp/em/clustering.hpp)."""

def merge_tree_labels(
    rows: Sequence[FloatArray],
    row_weights: FloatArray | None,
    forms: Sequence[str],
    pseudo: float,
    cells: Sequence[IntArray],
    sizes: IntArray,
    labels: Sequence[IntArray],
    n_threads: int,
) -> None:
    """Fill the labels of clusters of several sizes, merged from cells, for each tree."""

def em_constants() -> dict[str, float]:
    """Return the constants of compiled EM by name (cpp/em/constants.hpp)."""

def block_rows(form: str, n_components: int, n_features: int, incomplete: bool = False) -> int:
    """Return the rows per block; calls that end at multiples of it give the same bits as one call."""

def instruction_sets() -> list[str]:
    """List the compiled instruction sets that this processor has, best first."""

def selected_instruction_set() -> str:
    """Return the instruction set in use."""

def select_instruction_set(name: str) -> None:
    """Use another instruction set."""

def build_description() -> str:
    """Describe the compiler, the standard, OpenMP and the flags."""

def after_fork() -> None:
    """Forget the threads of the parent, which do not exist in a forked child process."""

def before_exit() -> None:
    """Let threads of this process that are in the compiled code never return from it, but the calling thread."""

def max_threads() -> int:
    """Return the threads that the next pass may use (cpp/threads.hpp)."""

def limit_processors(n_processors: int) -> None:
    """Set the most threads that passes use if the user chose no number."""
