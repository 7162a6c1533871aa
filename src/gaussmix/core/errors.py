"""Warnings and errors of gaussmix."""

from collections.abc import Iterable

from gaussmix.core.text import join_clauses, join_words, plural


class DegenerateComponentWarning(UserWarning):
    """Components collapsed or lost all their rows; the message names them, and the model was repaired.

    Attributes
    ----------
    components : tuple of int
        Positions of the components.
    trouble : str
        Predicate of the message: the problem and possible remedies.
    """

    def __init__(self, components: Iterable[int], trouble: str, noun: str = "Component") -> None:
        self.components = tuple(int(component) for component in components)
        self.trouble = trouble
        super().__init__(f"{plural(noun, len(self.components))} {join_words(self.components, 10)} {trouble}")


class RidgeWarning(DegenerateComponentWarning):
    """The variance of components in some direction comes from ``reg_covar`` alone."""


class FlatLikelihoodWarning(DegenerateComponentWarning):
    """The likelihood is flat in some direction, so the parameters that vary along it have no standard error."""


class DegenerateDataWarning(UserWarning):
    """Columns are constant, depend on others or are too small; the fit left them out, but the model includes them.

    A Bayesian mixture is fitted with them, and its prior has a least variance in their directions.

    Attributes
    ----------
    columns : tuple of int
        Positions of the columns.
    """

    def __init__(
        self,
        columns: Iterable[int],
        sentences: Iterable[str],
        shape: tuple[int, ...] | None = None,
        note: str = "",
        noun: str = "column",
    ) -> None:
        self.columns = tuple(int(column) for column in columns)
        clauses, text = list(sentences), []
        if clauses:
            remedy = "Remove them from X." if noun == "column" else "They tell no classes apart."
            text.append(f"Redundant {noun}s were left out of the fit: {join_clauses(clauses, 5)}. {remedy}")
        if shape is not None and shape[1] > shape[0]:
            text.append(f"X has {shape[1]} columns and {shape[0]} rows; if its columns are observations, pass X.T.")
        super().__init__(" ".join([*text, note] if note else text))


class NearRelationWarning(DegenerateDataWarning):
    """A column follows from others in all rows but a few, or but for rounding; it stays in the fit.

    Attributes
    ----------
    columns : tuple of int
        The column.
    rows : tuple of int
        The rows that do not follow.
    """

    def __init__(self, column: int, rows: Iterable[int], sentences: str) -> None:
        self.rows = tuple(int(row) for row in rows)
        super().__init__((column,), (), note=f"Column {sentences}")


class DoubtfulModelWarning(UserWarning):
    """None of the compared models is sound; the best of them was selected, and the message gives the reasons."""


class ModelFileError(ValueError):
    """A model file cannot be read: it is damaged, has another format, or has a newer version."""


class CheckpointError(ValueError):
    """A checkpoint file is in use, is that of another fit, or is not a checkpoint."""


class MissingDependencyError(ImportError):
    """An optional library is missing; the message names the extra to install."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {library}: pip install "gaussmix[{extra}]"')
