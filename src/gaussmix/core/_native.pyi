"""The compiled core: passes over rows, batched EM, images (cpp/README.md)."""

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
    """Score the rows and fill the arrays that are not None."""

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

def common_axes(counts: FloatArray, covariances: FloatArray, axes: FloatArray, equal_volume: bool) -> bool:
    """Find the axes along which covariances are nearly diagonal, in place (cpp/em/common_axes.hpp)."""

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
    """Run EM from each of many tables of responsibilities (cpp/em/em_batch.hpp)."""

def em_constants() -> dict[str, float]:
    """Return the constants of compiled EM by name (cpp/em/constants.hpp)."""

def block_rows(form: str, n_components: int, n_features: int) -> int:
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
