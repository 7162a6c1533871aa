"""What can go wrong, by name."""


class DegenerateComponentWarning(UserWarning):
    """A component collapsed or lost its rows; the model was repaired and the message names the component."""


class ModelFileError(ValueError):
    """A model file cannot be read: damaged, of another format, or of a newer version."""


class MissingDependencyError(ImportError):
    """An optional library is needed; the message says which extra to install."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {library}: pip install "gaussmix[{extra}]"')
