"""What the room keeps about a picture: settings, hints, segments, and the results of fits."""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.app.pictures.merged import Labeled
from gaussmix.app.pictures.planes import Planes
from gaussmix.app.pictures.results import Result, fit_small
from gaussmix.app.pictures.segments import Segment, new_segments, read_segments
from gaussmix.app.pictures.settings import MOST_CLASSES, Settings
from gaussmix.app.pictures.thinning import thinned, thinned_known
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.files import read_picture
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.relabeling import with_smoothing

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter

UNKNOWN = 255
"""Number in the page of a pixel without a hint, and of one without a class."""

FITTED_PIXELS = 30_000
"""Greatest number of pixels to which a preview is fitted."""

LABELED_PIXELS = 160_000
"""Greatest number of pixels that a preview labels."""

LABELED_AT_ONCE = 4_000_000
"""Greatest number of pixels that are labeled by the classes of a preview before the full fit."""

_FIRST_SMOOTHING = 1.0  # of a preview, before a full fit has estimated it


class PictureSession:
    """A picture with what the user has done to it.

    Parameters
    ----------
    path : Path
        File of the picture.
    name : str
        Name of the file as the user knows it.
    max_bytes : int
        Greatest size of the decoded pixels.

    Attributes
    ----------
    picture : Picture
        The picture.
    planes : Planes
        Its planes.
    settings : Settings
        The last settings.
    segments : list of Segment
        The segments of the last result.
    result : Result or None
        The last result.
    with_model : bool
        Whether the result is that of a model file.
    version : int
        Number of the last change of settings or hints; a full fit for an older one is dropped.
    job : str
        Identifier of the last job; empty without one.
    """

    def __init__(self, path: Path, name: str, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        self.name = name
        self._lock = threading.RLock()
        self._fitting = threading.Lock()
        self.read(volume=False)

    def read(self, *, volume: bool) -> None:
        """Read the file anew; settings stay, hints and results do not.

        Parameters
        ----------
        volume : bool
            Whether unnamed pages are the slices of a volume.
        """
        picture = read_picture(self._path, volume=volume, max_bytes=self._max_bytes)
        if picture.n_visible == 0:
            raise ValueError(f"{self.name} has no visible pixel: all are transparent, no data or NaN")
        with self._lock:
            self.picture, self.volume, self.planes = picture, volume, Planes(picture)
            self.known: Rows | None = None
            self.segments: list[Segment] = []
            self.result: Result | None = None
            self.with_model = False
            self._fitted: dict[tuple[int | str, str], GaussianMixtureSegmenter] = {}
            self._estimates: dict[tuple[str, str], Any] = {}
            self._small = {most: thinned(picture, most) for most in (FITTED_PIXELS, LABELED_PIXELS)}
            if not hasattr(self, "settings"):
                self.settings, self.version, self.job = Settings(), 0, ""
            self.version += 1

    @property
    def used_hints(self) -> Rows | None:
        """Known classes, -1 elsewhere, if the settings use them."""
        return self.known if self.settings.use_hints else None

    @property
    def n_hinted(self) -> int:
        """Number of classes of the hints: the greatest hinted class plus one; 0 without hints."""
        return 0 if self.known is None else int(self.known.max()) + 1

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the segmenter for the picture."""
        n_hinted = 0 if self.used_hints is None else self.n_hinted
        return self.settings.parameters(n_hinted=n_hinted, in_color=self.picture.pixels.shape[-1] == 3)

    def info(self) -> dict[str, Any]:
        """Return what the page needs to show the picture and what was done to it."""
        picture = self.picture
        with self._lock:
            return {
                "name": self.name,
                "shape": picture.shape,
                "channels": picture.channels,
                "dtype": str(picture.pixels.dtype),
                "spacing": picture.spacing,
                "suffix": picture.suffix,
                "stacked": picture.stacked,
                "volume": self.volume,
                "directions": [direction.as_json() for direction in self.planes.directions],
                "settings": self.settings.as_json(),
                "most_classes": MOST_CLASSES,
                "n_hinted": self.n_hinted,
                "job": self.job,
                **self.state(),
            }

    def state(self) -> dict[str, Any]:
        """Return the segments and what the page shows of the result."""
        with self._lock:
            return {
                "segments": [segment.as_json() for segment in self.segments],
                "result": None if self.result is None else self.result.as_json(),
                "with_model": self.with_model,
                "version": self.version,
            }

    def change(self, settings: Settings) -> None:
        """Take new settings; a full fit that is under way is dropped."""
        with self._lock:
            self.settings, self.with_model = settings, False
            self.version += 1

    def make_preview(self) -> None:
        """Fit the settings and hints to a thinned picture.

        Raises
        ------
        ValueError
            As in `GaussianMixtureSegmenter.fit`.
        """
        with self._lock:
            version, parameters, known = self.version, self.parameters, self.used_hints
            small, shown = self._small[FITTED_PIXELS], self._small[LABELED_PIXELS]
        if known is not None:
            known = thinned_known(known, FITTED_PIXELS)
            segmenter = fit_small(small, parameters, known)
            preview = Result(Labeled.by(small, segmenter, known), is_full=False)
        else:
            classes = self._classes(parameters)
            smoothing = parameters["smoothing"]
            if smoothing == "auto":
                smoothing = self._estimates.get(("smoothing", self.settings.color_space), _FIRST_SMOOTHING)
            preview = Result(Labeled.by(shown, with_smoothing(classes, smoothing), None), is_full=False)
        with self._lock:
            if version == self.version:
                self._set_result(preview)

    def prepare(self) -> None:
        """Fit numbers of classes near the current one to the thinned picture, so that their previews need no fit."""
        with self._lock:
            version, parameters, result = self.version, self.parameters, self.result
        if result is None or self.used_hints is not None:
            return
        n_classes = result.segmentation.n_classes
        for number in (n_classes + 1, n_classes - 1, n_classes + 2, n_classes - 2):
            if version != self.version:
                return
            if 1 <= number <= MOST_CLASSES:
                with suppress(ValueError):  # fewer colors than classes
                    self._classes({**parameters, "n_components": number})

    def use_model(self, path: Path) -> None:
        """Label the picture by the segmenter of a model file; the next change of settings or hints fits again.

        Raises
        ------
        ValueError
            If the file is no segmenter, or one of pictures with other axes or channels.
        """
        from gaussmix.imaging import GaussianMixtureSegmenter

        segmenter = GaussianMixtureSegmenter.load(path)
        found = Result(Labeled.by(self.picture, segmenter, None), is_full=True)
        with self._lock:
            self.version += 1
            self.with_model = True
            self._set_result(found)

    def label_all(self) -> None:
        """Label all pixels by the classes of the preview, unless the picture is large."""
        with self._lock:
            version, result, known = self.version, self.result, self.used_hints
        if result is None or result.is_full or math.prod(self.picture.shape) > LABELED_AT_ONCE:
            return
        found = Result(Labeled.by(self.picture, result.segmentation.segmenter, known), is_full=False)
        with self._lock:
            if version == self.version:
                self._set_result(found)

    def full_fit(self) -> tuple[tuple[Picture, dict[str, Any], Rows | None], Callable[[Any], None]]:
        """Return the arguments of a full fit, and the function that takes its result."""
        with self._lock:
            version, settings, known = self.version, self.settings, self.used_hints

            def accept(outcome: Any) -> None:
                segmenter, labels = outcome
                with self._lock:
                    if version != self.version:
                        return
                    if known is None:
                        for name, value in (
                            ("n_components", segmenter.n_components_),
                            ("smoothing", segmenter.smoothing_),
                        ):
                            if getattr(settings, name) == "auto":
                                self._estimates[name, settings.color_space] = value
                    self._set_result(Result(Labeled.by(self.picture, segmenter, known, labels), is_full=True))

            return (self.picture, self.parameters, known), accept

    def full_result(self) -> Result:
        """Return the result for the picture itself.

        Raises
        ------
        ValueError
            If it is not there yet.
        """
        if self.result is None or not self.result.is_full:
            raise ValueError("The segmentation is not complete yet: wait for it, or choose other settings")
        return self.result

    def labels(self, axis: int, index: int) -> Rows:
        """Return the labels of a shown plane, (height, width) of uint8; `UNKNOWN` everywhere without a result."""
        with self._lock:
            result = self.result
        if result is None:
            return np.full_like(self.planes.shown(axis, index)[..., 0], UNKNOWN)
        return self.planes.cut(result.segmentation.labels, axis, index)

    def uncertainty(self, axis: int, index: int) -> Rows:
        """Return the uncertainty of a shown plane, (height, width) of uint8."""
        return self.planes.cut(self._any_result().uncertainty, axis, index)

    def probabilities(self, axis: int, index: int, x: int, y: int) -> FloatArray:
        """Return the probability of each class at a pixel of a shown plane."""
        place = self.planes.place(axis, index, x, y)
        return self._any_result().probabilities(place, self.picture.shape)

    def histograms(self) -> list[dict[str, Any]]:
        """Return the histograms of the channels."""
        return self._any_result().histograms

    def hints(self, axis: int, index: int) -> Rows:
        """Return the hints of a shown plane, (height, width) of uint8; `UNKNOWN` where there is none."""
        if self.known is None:
            return np.full_like(self.planes.shown(axis, index)[..., 0], UNKNOWN)
        plane = self.planes.cut(self.known, axis, index)
        return np.where(plane < 0, UNKNOWN, plane).astype(np.uint8)

    def set_hints(self, axis: int, index: int, plane: Rows) -> None:
        """Set the hints of a shown plane; a full fit that is under way is dropped.

        Raises
        ------
        ValueError
            If the plane has another size or too many classes.
        """
        numbers = np.where(plane == UNKNOWN, -1, plane.astype(np.int16)).astype(np.int16)
        if numbers.max(initial=-1) >= MOST_CLASSES:
            raise ValueError(f"There can be at most {MOST_CLASSES} classes of hints")
        with self._lock:
            known = np.full(self.picture.shape, -1, dtype=np.int16) if self.known is None else self.known.copy()
            self.planes.put(known, axis, index, numbers)
            self.known = known if (known >= 0).any() else None
            self.version += 1

    def clear_hints(self) -> None:
        """Remove all hints."""
        with self._lock:
            self.known = None
            self.version += 1

    def set_segments(self, values: Any) -> None:
        """Take the segments that the page sent."""
        with self._lock:
            n_classes = 0 if self.result is None else self.result.segmentation.n_classes
            self.segments = read_segments(values, n_classes)

    def _classes(self, parameters: dict[str, Any]) -> "GaussianMixtureSegmenter":
        """Return a segmenter fitted to a thinned picture without smoothing; it is kept for the next preview."""
        color_space = self.settings.color_space
        n_classes = parameters["n_components"]
        if n_classes == "auto":
            n_classes = self._estimates.get(("n_components", color_space), "auto")
        with self._fitting:
            found = self._fitted.get((n_classes, color_space))
            if found is None:
                given = {**parameters, "n_components": n_classes, "smoothing": 0.0}
                found = self._fitted[n_classes, color_space] = fit_small(self._small[FITTED_PIXELS], given)
        return found

    def _any_result(self) -> Result:
        with self._lock:
            if self.result is None:
                raise ValueError("There is no segmentation yet")
            return self.result

    def _set_result(self, result: Result) -> None:
        n_classes = result.segmentation.n_classes
        if sum(len(segment.classes) for segment in self.segments) != n_classes:
            self.segments = new_segments(n_classes)
        self.result = result
