"""What can go wrong, by name."""

from collections.abc import Iterable

from gaussmix.core.text import join_clauses, join_words, plural


class DegenerateComponentWarning(UserWarning):
    """Components collapsed or lost their rows; the model was repaired and the message names them.

    Attributes
    ----------
    components : tuple of int
        Their positions.
    trouble : str
        What is wrong with them and what may help, as the rest of a sentence.
    """

    def __init__(self, components: Iterable[int], trouble: str, noun: str = "Component") -> None:
        self.components = tuple(int(component) for component in components)
        self.trouble = trouble
        super().__init__(f"{plural(noun, len(self.components))} {join_words(self.components, 10)} {trouble}")


class RidgeWarning(DegenerateComponentWarning):
    """Components vary in some direction no more than the variance that was added."""


class FlatLikelihoodWarning(DegenerateComponentWarning):
    """The likelihood does not curve down in some direction: what moves along it has no standard error."""


class DegenerateDataWarning(UserWarning):
    """Columns are constant or determined by others; they were left out of the fit, but the model includes them.

    Attributes
    ----------
    columns : tuple of int
        Their positions.
    """

    def __init__(self, columns: Iterable[int], sentences: Iterable[str], shape: tuple[int, ...] | None = None) -> None:
        self.columns = tuple(int(column) for column in columns)
        said = join_clauses(list(sentences), 5)
        text = f"Redundant columns were left out of the fit: {said}. Remove them from X."
        if shape is not None and shape[1] > shape[0]:
            text += f" X has {shape[1]} columns and {shape[0]} rows; if its columns are observations, pass X.T."
        super().__init__(text)


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
        self.columns = (int(column),)
        self.rows = tuple(int(row) for row in rows)
        UserWarning.__init__(self, f"Column {sentences}")


class DoubtfulModelWarning(UserWarning):
    """Of all models that were compared none is sound: the best of them is the choice, and the message says why not."""


class ModelFileError(ValueError):
    """A model file cannot be read: damaged, of another format, or of a newer version."""


class MissingDependencyError(ImportError):
    """An optional library is needed; the message says which extra to install."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {library}: pip install "gaussmix[{extra}]"')
