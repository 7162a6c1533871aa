"""What comes back from a pass over the rows."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the rows, taken about the means and in the whitened units of the mixture that was passed in.

    With ``r[n, k] = weight[n] p(k | x[n])`` and ``y = (x[n] - means[k]) W[k]``. Sums of disjoint sets of rows under
    the same mixture add. In these units a fit near its end has ``scatter / counts`` near the identity, whatever
    the units, the offset or the condition of the data.

    Attributes
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        The shape of the scatter: that of the factors.
    counts : (k,) array
        Sum of r.
    shifts : (k, d) array
        Sum of r y.
    scatter : array
        Sum of ``r y y'``: full (k, d, d), tied (d, d) over all components; of ``r y^2``: diagonal (k, d); of
        ``r |y|^2``: spherical (k,).
    log_likelihood : float
        Sum of weight log p(x).
    entropy : float
        Sum of -r log p(k | x).
    weight : float
        Sum of the weights of the rows: the sum of the counts, unless a row has density zero.
    """

    form: Form
    counts: FloatArray
    shifts: FloatArray
    scatter: FloatArray
    log_likelihood: float
    entropy: float
    weight: float

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.form,
            self.counts + other.counts,
            self.shifts + other.shifts,
            self.scatter + other.scatter,
            self.log_likelihood + other.log_likelihood,
            self.entropy + other.entropy,
            self.weight + other.weight,
        )

    def reordered(self, order: IntArray) -> "Moments":
        """The same with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            The component that comes first, second, ...

        Returns
        -------
        Moments
            The components as asked.
        """
        scatter = self.scatter if self.form == "tied" else self.scatter[order]
        return replace(self, counts=self.counts[order], shifts=self.shifts[order], scatter=scatter)

    @property
    def mean_log_likelihood(self) -> float:
        """The log-likelihood per unit of weight, in nats."""
        return self.log_likelihood / self.weight

    @property
    def scatter_trace(self) -> float:
        """Sum of ``r |y|^2`` over rows and components."""
        match self.form:
            case "full":
                return float(np.einsum("kii->", self.scatter))
            case "tied":
                return float(np.trace(self.scatter))
            case _:
                return float(self.scatter.sum())

    def scatter_about(self, centers: FloatArray) -> FloatArray:
        """The scatter about the components' own means.

        Parameters
        ----------
        centers : (k, d) array
            ``shifts / counts``.

        Returns
        -------
        array
            In the shape of ``scatter``.
        """
        weighted = self.counts[:, None] * centers
        match self.form:
            case "full":
                return self.scatter - weighted[:, :, None] * centers[:, None, :]
            case "tied":
                return self.scatter - weighted.T @ centers
            case "diagonal":
                return self.scatter - weighted * centers
            case "spherical":
                return self.scatter - (weighted * centers).sum(axis=1)


def scatter_of(form: Form, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
    """The scatter of one component: ``rows`` (n, d) about its mean, ``responsibilities`` (n,) with the weights in."""
    weighted = responsibilities[:, None] * rows
    match form:
        case "full" | "tied":
            return weighted.T @ rows
        case "diagonal":
            return (weighted * rows).sum(axis=0)
        case "spherical":
            return (weighted * rows).sum()
