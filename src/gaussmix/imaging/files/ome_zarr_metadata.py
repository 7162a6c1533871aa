"""Metadata of OME-Zarr images: axes, levels and positions (OME-NGFF 0.1 to 0.5)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from gaussmix.imaging.files.units import in_one_unit
from gaussmix.imaging.images.picture import Picture

_KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_ORDER = {"time": 0, "channel": 1, "space": 2}
_OLD_AXES = "tczyx"  # of versions before 0.3, which do not name them
_NEW = "0.5"


@dataclass(frozen=True)
class Axis:
    """An axis of an image.

    Attributes
    ----------
    name : str
        Its name, such as "y".
    kind : str
        "time", "channel", "space" or another.
    unit : str or None
        Unit of its positions.
    """

    name: str
    kind: str
    unit: str | None = None

    @classmethod
    def of(cls, given: Any) -> Self:
        """Return an axis of a file, which is a name before version 0.4, and then a name, a type and a unit."""
        entry = {"name": given} if isinstance(given, str) else given
        name = str(entry["name"])
        return cls(name, entry.get("type") or _KINDS.get(name.lower(), ""), entry.get("unit"))

    @property
    def entry(self) -> dict[str, str]:
        """The axis in the form of version 0.4 and later."""
        entry = {"name": self.name} | ({"type": self.kind} if self.kind else {})
        return entry | ({"unit": self.unit} if self.unit is not None else {})


@dataclass(frozen=True)
class OmeZarrGeometry:
    """Axes, levels and positions of an image, from the level that was read on.

    Attributes
    ----------
    version : str
        "0.4", with Zarr 2, or "0.5", with Zarr 3.
    axes : tuple of Axis
        All axes except that of the channels, in the order of the file.
    lengths : tuple of int
        Their lengths, of which some are 1.
    scale, translation : tuple of float
        Distance between neighbors and position of the first pixel along these axes.
    factors : tuple of tuples of int
        For each level, by how much it is smaller along these axes than the first.
    chunks : tuple of int
        Lengths of the chunks of the first level along these axes.
    """

    version: str
    axes: tuple[Axis, ...]
    lengths: tuple[int, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    factors: tuple[tuple[int, ...], ...]
    chunks: tuple[int, ...]

    @classmethod
    def of(cls, picture: Picture) -> Self:
        """Return the geometry of a picture that was not read from OME-Zarr."""
        names = ("t" if picture.stacked else "") + "zyx"[-picture.n_axes :]
        scale = (1.0,) * picture.stacked + (picture.spacing or (1.0,) * picture.n_axes)
        chunks = tuple(
            1 if name in "tz" else min(512, length) for name, length in zip(names, picture.shape, strict=True)
        )
        return cls(
            _NEW,
            tuple(Axis(name, _KINDS[name]) for name in names),
            picture.shape,
            scale,
            (0.0,) * len(names),
            ((1,) * len(names),),
            chunks,
        )

    @property
    def n_pages(self) -> int:
        """Number of pages: the product of the lengths of the axes that are not spatial."""
        return math.prod(n for axis, n in zip(self.axes, self.lengths, strict=True) if axis.kind != "space")

    @property
    def n_axes(self) -> int:
        """Number of spatial axes of the picture: slices are an axis only if there are several."""
        space = [n for axis, n in zip(self.axes, self.lengths, strict=True) if axis.kind == "space"]
        return 3 if len(space) == 3 and space[0] > 1 else 2

    def spacing(self) -> tuple[float, ...] | None:
        """Return the distance between neighbors along the spatial axes, in the unit of the last; None if unknown."""
        if self.axes[-1].unit is None:
            return None
        places = range(len(self.axes) - self.n_axes, len(self.axes))
        sizes = {str(place): self.scale[place] for place in places}
        units = {str(place): self.axes[place].unit or "" for place in places}
        found = in_one_unit(sizes, units, self.axes[-1].unit)
        return tuple(found.values()) if len(found) == self.n_axes else None

    def attributes(self, name: str, *, maps: bool, label: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the attributes of the group of an image with these axes and positions.

        Parameters
        ----------
        name : str
            Name of the image.
        maps : bool
            Whether it has an axis of channels.
        label : mapping or None
            ``image-label`` of an image of labels.
        """
        n_lead = sum(axis.kind != "space" for axis in self.axes)

        def with_channels(values: Sequence[Any], channel: Any) -> list[Any]:
            return [*values[:n_lead], *([channel] if maps else []), *values[n_lead:]]

        datasets = []
        for level, factors in enumerate(self.factors):
            scale = [size * factor for size, factor in zip(self.scale, factors, strict=True)]
            steps: list[dict[str, Any]] = [{"type": "scale", "scale": with_channels(scale, 1.0)}]
            if any(self.translation):
                steps.append({"type": "translation", "translation": with_channels(self.translation, 0.0)})
            datasets.append({"path": str(level), "coordinateTransformations": steps})
        axes = with_channels([axis.entry for axis in self.axes], Axis("c", "channel").entry)
        image: dict[str, Any] = {"name": name, "axes": axes, "datasets": datasets, "type": "nearest"}
        in_groups = self.version != _NEW
        found: dict[str, Any] = {"multiscales": [image | ({"version": self.version} if in_groups else {})]}
        if label is not None:
            found["image-label"] = {"version": self.version, **label}
        return found if in_groups else {"ome": {"version": self.version, **found}}


@dataclass(frozen=True)
class OmeZarrImage:
    """What the attributes of a group say about an image.

    Attributes
    ----------
    version : str
        Version of the format.
    axes : tuple of Axis
        All axes, in the order of the arrays.
    paths : tuple of str
        Paths of the arrays of the levels, the largest first.
    scales, translations : tuple of tuples of float
        For each level, distance between neighbors and position of the first pixel along the axes.
    channels : tuple of str
        Labels of the channels; empty if there are none.
    nodata : int or None
        In an image of labels, the number with a transparent color: pixels without a class.
    """

    version: str
    axes: tuple[Axis, ...]
    paths: tuple[str, ...]
    scales: tuple[tuple[float, ...], ...]
    translations: tuple[tuple[float, ...], ...]
    channels: tuple[str, ...]
    nodata: int | None

    @classmethod
    def of(cls, attributes: Mapping[str, Any], n_axes: int) -> Self:
        """Return the first image that attributes describe.

        Parameters
        ----------
        attributes : mapping
            Attributes of a group, with ``multiscales``.
        n_axes : int
            Number of axes of its arrays.

        Raises
        ------
        ValueError
            If the number or the order of the axes is impossible.
        """
        found = attributes.get("ome", attributes)
        image = found["multiscales"][0]
        axes = tuple(Axis.of(axis) for axis in image.get("axes") or _OLD_AXES[-n_axes:])
        if len(axes) != n_axes:
            raise ValueError(f"its arrays have {n_axes} axes, its metadata {len(axes)}")
        ranks = [_ORDER.get(axis.kind, 1) for axis in axes]
        if ranks != sorted(ranks) or ranks.count(2) not in (2, 3) or sum(axis.kind == "channel" for axis in axes) > 1:
            raise ValueError(
                f"its axes are {', '.join(axis.name for axis in axes)}; they must be time, one axis of channels, and "
                "two or three of space, in this order"
            )
        steps = [level.get("coordinateTransformations", []) for level in image["datasets"]]
        common = image.get("coordinateTransformations", [])
        lines = [_composed([*own, *common], n_axes) for own in steps]
        channels = (found.get("omero") or {}).get("channels") or []
        return cls(
            str(found.get("version", image.get("version", "0.4"))),
            axes,
            tuple(str(level["path"]) for level in image["datasets"]),
            tuple(scale for scale, _ in lines),
            tuple(translation for _, translation in lines),
            tuple(str(channel.get("label", "")) for channel in channels),
            _transparent(found.get("image-label", {}).get("colors", [])),
        )

    def geometry(self, level: int, shapes: Sequence[tuple[int, ...]], chunks: tuple[int, ...]) -> OmeZarrGeometry:
        """Return the geometry from a level on.

        Parameters
        ----------
        level : int
            Number of the level.
        shapes : sequence of tuples of int
            Shapes of the arrays of this and the later levels.
        chunks : tuple of int
            Chunks of the array of this level.
        """
        kept = [place for place, axis in enumerate(self.axes) if axis.kind != "channel"]

        def without_channels(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[place] for place in kept)

        lengths = without_channels(shapes[0])
        factors = tuple(
            tuple(max(1, round(n / m)) for n, m in zip(lengths, without_channels(shape), strict=True))
            for shape in shapes
        )
        return OmeZarrGeometry(
            _NEW if self.version == _NEW else "0.4",
            without_channels(self.axes),
            lengths,
            without_channels(self.scales[level]),
            without_channels(self.translations[level]),
            factors,
            without_channels(chunks),
        )


def _transparent(colors: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the number of the first color without opacity."""
    found = (int(color["label-value"]) for color in colors if list(color.get("rgba", []))[3:] == [0])
    return next(found, None)


def _composed(steps: Sequence[Mapping[str, Any]], n_axes: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the scale and the translation of transformations that are applied one after the other."""
    scale, translation = [1.0] * n_axes, [0.0] * n_axes
    for step in steps:
        if step["type"] in ("scale", "translation") and not step.get(step["type"]):
            raise ValueError(f"its {step['type']} is not stated in its metadata")
        numbers = [float(number) for number in step.get(step["type"], [])]
        if step["type"] == "scale":
            scale = [old * factor for old, factor in zip(scale, numbers, strict=True)]
            translation = [old * factor for old, factor in zip(translation, numbers, strict=True)]
        elif step["type"] == "translation":
            translation = [old + shift for old, shift in zip(translation, numbers, strict=True)]
        elif step["type"] != "identity":
            raise ValueError(f"its positions are given by a transformation of the type {step['type']!r}")
    return tuple(scale), tuple(translation)
