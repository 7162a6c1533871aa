"""The compiled pass over the rows (cpp/pass/pass.hpp)."""

from gaussmix.core.typing import FloatArray, IntArray, Rows

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
) -> None:
    """Fill the arrays that are given."""

class DistinctRows:
    """Collects distinct rows and their weights (cpp/pass/distinct.hpp)."""

    def __init__(self, n_rows: int, kept: Rows, weights: FloatArray, weighted: bool) -> None:
        """Will write to kept and weights, which set the limit."""

    def add(self, rows: Rows, row_weights: FloatArray | None) -> bool:
        """Add the next rows; False when they do not repeat enough for the limit."""

    def finish(self) -> int:
        """Write what is left to write; how many distinct rows there are."""

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

def nearest(model: str, counts: FloatArray, covariances: FloatArray, out: FloatArray) -> bool:
    """The covariances of a structure that are nearest to free ones (cpp/em/structures.hpp); False if there are none."""

def common_axes(counts: FloatArray, covariances: FloatArray, axes: FloatArray, equal_volume: bool) -> bool:
    """The axes that covariances nearly have in common, in place (cpp/em/common_axes.hpp)."""

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
    ended: FloatArray | None,
) -> None:
    """Many short runs of EM (cpp/em/em_batch.hpp)."""

def block_rows(form: str, n_components: int, n_features: int) -> int:
    """Rows per block: splits at its multiples leave every bit as it is."""

def instruction_sets() -> list[str]:
    """The compiled instruction sets that this processor has, best first."""

def selected_instruction_set() -> str:
    """The one in use."""

def select_instruction_set(name: str) -> None:
    """Use another one."""

def build_description() -> str:
    """The compiler, the standard, OpenMP and the flags."""

def after_fork() -> None:
    """From now on, one thread: this is a forked child."""

def max_threads() -> int:
    """Threads that the next pass may use (OMP_NUM_THREADS, threadpoolctl)."""
