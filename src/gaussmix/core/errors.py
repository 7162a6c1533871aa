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

    def __init__(
        self,
        columns: Iterable[int],
        sentences: Iterable[str],
        shape: tuple[int, ...] | None = None,
        noun: str = "column",
    ) -> None:
        self.columns = tuple(int(column) for column in columns)
        said = join_clauses(list(sentences), 5)
        remedy = "Remove them from X." if noun == "column" else "They tell no classes apart."
        text = f"Redundant {noun}s were left out of the fit: {said}. {remedy}"
        if shape is not None and shape[1] > shape[0]:
            text += f" X has {shape[1]} columns and {shape[0]} rows; if its columns are observations, pass X.T."
        super().__init__(text)


class DoubtfulModelWarning(UserWarning):
    """Of all models that were compared none is sound: the best of them is the choice, and the message says why not."""


class ModelFileError(ValueError):
    """A model file cannot be read: damaged, of another format, or of a newer version."""


class MissingDependencyError(ImportError):
    """An optional library is needed; the message says which extra to install."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {library}: pip install "gaussmix[{extra}]"')
