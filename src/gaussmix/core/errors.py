"""What can go wrong, by name."""

from collections.abc import Iterable


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
        shown = ", ".join(map(str, self.components[:10])) + (" and more" if len(self.components) > 10 else "")
        ending = "" if len(self.components) == 1 else "es" if noun.endswith("s") else "s"
        super().__init__(f"{noun}{ending} {shown} {trouble}")


class RidgeWarning(DegenerateComponentWarning):
    """Components vary in some direction no more than the variance that was added."""


class FlatLikelihoodWarning(DegenerateComponentWarning):
    """The likelihood does not curve down in some direction: what moves along it has no standard error."""


class DegenerateDataWarning(UserWarning):
    """Columns are constant, or follow from others: the fit left them out, and the model covers them all the same.

    Attributes
    ----------
    columns : tuple of int
        Their positions.
    """

    def __init__(self, columns: Iterable[int], sentences: Iterable[str], shape: tuple[int, ...] | None = None) -> None:
        self.columns = tuple(int(column) for column in columns)
        shown = list(sentences)
        said = "; ".join(shown[:5]) + (f"; and {len(shown) - 5} more" if len(shown) > 5 else "")
        text = f"{said[0].upper()}{said[1:]}. Components were fitted without: leave such columns out."
        if shape is not None and shape[1] > shape[0]:
            text += f" A row is one observation; with {shape[1]} columns and {shape[0]} rows, X.T may be what is meant."
        super().__init__(text)


class DoubtfulModelWarning(UserWarning):
    """Of all models that were compared none is sound: the best of them is the choice, and the message says why not."""


class ModelFileError(ValueError):
    """A model file cannot be read: damaged, of another format, or of a newer version."""


class MissingDependencyError(ImportError):
    """An optional library is needed; the message says which extra to install."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {library}: pip install "gaussmix[{extra}]"')
