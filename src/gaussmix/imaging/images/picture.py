"""Pictures and volumes in memory: pixels, and the information of their file."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from gaussmix.core.display import display_range, to_bytes
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.images.masks import as_mask, hidden_entries
from gaussmix.imaging.images.pixels import LARGEST_INTEGER, Pixels, both_visible, finite_pixels

_XYZ = (".nii", ".nii.gz", ".nrrd", ".mha")  # formats with the axes x, y, z
_MAX_SAMPLED = 1 << 20  # values from which the display range is estimated
_TYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16", "float32", "float64"))


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels of a file, with the information needed to write results that match the file.

    Attributes
    ----------
    pixels : (..., channels) array of uint8, uint16, int16, float32 or float64
        Pixels with two spatial axes, or three in a volume; if `stacked`, after an axis of pages. Other numbers are
        converted to the narrowest of these types that holds them exactly. Pixels that a masked array of NumPy masks
        become transparent.
    alpha : array of uint8 of the shape of the axes, or None
        Opacity; pixels of opacity 0 are not visible. None: all pixels are opaque.
    stacked : bool
        Whether the first axis is pages without spatial relation.
    spacing : tuple of float, or None
        Distance between neighbors along each spatial axis, all in the same unit. None: unknown.
    suffix : str
        Suffix of result files, whose format keeps the geometry: ".png", ".tif", ".nii", ".nii.gz", ".nrrd",
        ".mha" or ".npy". By default ".png" for a flat picture and ".npy" for stacks and volumes.
    geometry : object
        Geometry of the file, in the form of the module that reads and writes its format.
    nodata : int, float or None
        Number that stands for "no data" in the file. Pixels that had it are transparent.
    affine : (4, 4) array or None
        Of a volume with the axes x, y, z: transformation from the numbers of a voxel to its position in millimeters, to
        the right, the front and the top of the patient. None: unknown.
    names : tuple of str, or None
        Different names of the channels, if the file has them.
    """

    pixels: Rows
    alpha: Rows | None = None
    stacked: bool = False
    spacing: tuple[float, ...] | None = None
    suffix: str = ""
    geometry: Any = None
    nodata: float | None = None
    affine: FloatArray | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("pixels", "alpha"):
            given = getattr(self, name)
            if not isinstance(given, np.ndarray) and not (name == "alpha" and given is None):
                raise TypeError(f"{name} must be an array of NumPy; got {type(given).__name__}")
        if np.ma.isMaskedArray(self.pixels):
            self._unmask()
        if self.pixels.dtype not in _TYPES:
            try:
                object.__setattr__(self, "pixels", narrow(self.pixels))
            except ValueError as error:
                raise ValueError(f"pixels {error}") from None
        if self.n_axes not in (2, 3):
            raise ValueError(
                f"pixels must have 2 spatial axes (picture) or 3 (volume), then an axis of channels; got the shape "
                f"{self.pixels.shape}{', stacked' if self.stacked else ''}"
            )
        if not self.suffix:
            object.__setattr__(self, "suffix", ".png" if self.pixels.ndim == 3 else ".npy")
        if self.alpha is not None and self.alpha.shape != self.shape:
            raise ValueError(f"alpha has the shape {self.alpha.shape}; the picture has {self.shape}")
        if self.alpha is not None and self.alpha.dtype != np.uint8:
            raise ValueError(f"alpha must be of uint8, 0 for transparent to 255 for opaque; got {self.alpha.dtype}")
        if self.spacing is not None and len(self.spacing) != self.n_axes:
            raise ValueError(f"spacing has {len(self.spacing)} numbers; the picture has {self.n_axes} spatial axes")
        if self.spacing is not None and not all(0 < length < math.inf for length in self.spacing):
            raise ValueError(f"spacing must be positive numbers; got {self.spacing}")
        if self.affine is not None and not (self.affine.shape == (4, 4) and np.isfinite(self.affine).all()):
            raise ValueError(f"affine must be a finite matrix of the shape (4, 4); got the shape {self.affine.shape}")
        if self.names is not None and len(set(self.names)) != self.pixels.shape[-1]:
            raise ValueError(f"names must be {self.pixels.shape[-1]} different names of channels; got {self.names}")

    def _unmask(self) -> None:
        """Make the pixels transparent that a masked array masks in any channel."""
        hidden, pixels = hidden_entries(self.pixels), np.ma.getdata(self.pixels)
        object.__setattr__(self, "pixels", pixels)
        if hidden is not None:
            opacity = np.uint8(255) if self.alpha is None else self.alpha
            object.__setattr__(self, "alpha", np.where(hidden.any(axis=-1), np.uint8(0), opacity))

    @cached_property
    def _content(self) -> Pixels:
        """Pixels, of which those that are opaque and finite in all channels are visible."""
        opaque = None if self.alpha is None else self.alpha > 0
        visible = both_visible(opaque, finite_pixels(self.pixels))
        return Pixels(self.pixels, None if visible is None or visible.all() else visible)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes except the channels."""
        return self.pixels.shape[:-1]

    @property
    def n_axes(self) -> int:
        """Number of spatial axes: 2 or 3."""
        return self.pixels.ndim - 1 - self.stacked

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels: those of the file, or gray, red, green, blue, channel 0 and so on."""
        if self.names is not None:
            return self.names
        match self.pixels.shape[-1]:
            case 1:
                return ("gray",)
            case 3:
                return ("red", "green", "blue")
            case n_channels:
                return tuple(f"channel {channel}" for channel in range(n_channels))

    @property
    def visible(self) -> BoolArray | None:
        """Pixels that are not transparent, and finite in all channels; None if all are visible."""
        return self._content.visible

    @property
    def n_visible(self) -> int:
        """Number of visible pixels."""
        return self._content.n_visible

    @property
    def rows(self) -> Rows:
        """Visible pixels, ``(n, channels)``; not copied if all are visible."""
        return self._content.rows

    def masked(self, mask: BoolArray) -> Self:
        """Return the picture with all pixels outside a mask transparent.

        Parameters
        ----------
        mask : array of bool
            Mask of the shape of the picture or of its pages.

        Returns
        -------
        Picture
            The same pixels with another opacity.

        Raises
        ------
        ValueError
            If the mask has neither the shape of the picture nor that of its pages, or leaves no visible pixel.
        """
        pages = self.shape[1:] if self.stacked else self.shape
        if mask.shape not in (self.shape, pages):
            raise ValueError(f"the mask has the shape {mask.shape}, the picture {self.shape}; they must be equal")
        alpha = np.where(as_mask(mask, mask.shape), np.uint8(255) if self.alpha is None else self.alpha, np.uint8(0))
        masked = replace(self, alpha=np.ascontiguousarray(np.broadcast_to(alpha, self.shape)))
        if masked.n_visible == 0:
            raise ValueError("the mask leaves no visible pixel")
        return masked

    def with_transparent(self, pixels: BoolArray) -> Self:
        """Return the picture with some pixels transparent too; none may be left.

        Parameters
        ----------
        pixels : array of bool of the picture's shape
            Pixels that become transparent.

        Returns
        -------
        Picture
            The same picture if there are no such pixels.
        """
        if not pixels.any():
            return self
        return replace(self, alpha=np.where(pixels, np.uint8(0), np.uint8(255) if self.alpha is None else self.alpha))

    def placed(self, values: Rows, elsewhere: float) -> Rows:
        """Return an array of the picture's shape from values of the visible pixels.

        Parameters
        ----------
        values : (n, ...) array
            One or several values for each visible pixel.
        elsewhere : float
            Value at all other pixels.

        Returns
        -------
        (shape, ...) array
            Array of the type of the values.
        """
        return self._content.placed(values, elsewhere)

    def plane(self, page: int, depth: float = 0.5) -> Self:
        """Return a flat picture of one page or one slice.

        Parameters
        ----------
        page : int
            Number of the page; 0 unless `stacked`.
        depth : float, default=0.5
            For a volume, the position of the slice as a share of the depth.

        Returns
        -------
        Picture
            Picture with two spatial axes.
        """
        picture = self[page] if self.stacked else self
        if picture.n_axes == 2:
            return picture
        axis = self.slice_axis
        position = min(int(depth * picture.shape[axis]), picture.shape[axis] - 1)
        spacing = picture.spacing and (*picture.spacing[:axis], *picture.spacing[axis + 1 :])
        upright = self._upright if axis == 2 else np.asarray
        alpha = picture.alpha
        return replace(
            picture,
            pixels=upright(np.take(picture.pixels, position, axis)),
            alpha=None if alpha is None else upright(np.take(alpha, position, axis)),
            spacing=spacing[::-1] if spacing and axis == 2 else spacing,
            affine=None,
        )

    def _upright(self, plane: Rows) -> Rows:
        """Return a slice (x, y) of a volume as a picture whose top is the front of the patient."""
        is_forwards = self.affine is None or self.affine[np.abs(self.affine[:3, 1]).argmax(), 1] >= 0
        return np.rot90(plane) if is_forwards else np.swapaxes(plane, 0, 1)

    @property
    def slice_axis(self) -> int:
        """Axis of the slices of a volume: the last in medical formats, whose axes are x, y, z; else the first."""
        return 2 if self.suffix in _XYZ else 0

    def __getitem__(self, page: int) -> Self:
        """Return one page of a stack."""
        alpha = None if self.alpha is None else self.alpha[page]
        return replace(self, pixels=self.pixels[page], alpha=alpha, stacked=False)

    @underflow_to_zero
    def shown(self, limits: tuple[float, float] | None = None) -> Rows:
        """Return the picture in display colors.

        Bytes are unchanged unless `limits` scales them; other values are scaled from black to white between the limits.
        Two channels, or more than three, are shown as their mean.

        Parameters
        ----------
        limits : tuple of two floats, optional
            Values shown as black and as white; by default `Picture.limits`.

        Returns
        -------
        (shape, 3 or 4) array of uint8
            Red, green, blue and, unless all pixels are visible, opacity.
        """
        several = self.pixels.shape[-1] not in (1, 3)
        pixels = self.pixels.mean(axis=-1, keepdims=True) if several else self.pixels
        black, white = limits or self.limits
        if pixels.dtype != np.uint8 or (black, white) != (0, 255):
            pixels = pixels.astype(np.float64 if pixels.dtype == np.float64 else np.float32)
            pixels = to_bytes(np.where(np.isnan(pixels), pixels.dtype.type(black), pixels), black, white)
        colors = np.broadcast_to(pixels, (*self.shape, 3))
        if self.visible is None and self.alpha is None:
            return colors
        opacity = np.full(self.shape, 255, dtype=np.uint8) if self.alpha is None else self.alpha
        if self.visible is not None:
            opacity = np.where(self.visible, opacity, np.uint8(0))
        return np.concatenate([colors, opacity[..., None]], axis=-1)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Values shown as black and as white: of bytes 0 and 255, else the percentiles 0.1 and 99.9.

        White is the greatest byte of volumes, and of pictures with bytes below 64 only, unless they are in color.
        """
        rows = self.rows
        if self.pixels.dtype == np.uint8 and self.pixels.shape[-1] != 3 and self.n_axes == 3 and rows.any():
            return 0.0, float(rows.max())
        return display_range(rows[:: -(-rows.size // _MAX_SAMPLED) or 1])


def narrow(values: Rows) -> Rows:
    """Convert numbers to the narrowest of uint8, uint16, int16, float32 and float64 that holds them exactly.

    8-bit, 16-bit and floating-point numbers keep their type; the result is in C order and in the machine's byte order.

    Raises
    ------
    ValueError
        If the values are not real numbers of at most 64 bits.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind not in "buif" or size > 8:
        raise ValueError(f"has values of type {values.dtype}; pixels are real numbers of at most 64 bits")
    target: Any = values.dtype.newbyteorder("=")
    if kind == "b":
        target = np.uint8
    elif kind == "f":
        target = np.float32 if size == 2 else target
    elif size > 2:
        least, greatest = (int(values.min()), int(values.max())) if values.size else (0, 0)
        if least >= 0 and greatest <= 65535:
            target = np.uint16
        elif least >= -32768 and greatest <= 32767:
            target = np.int16
        else:
            target = np.float32 if max(-least, greatest) <= 1 << 24 else np.float64
            if max(-least, greatest) > LARGEST_INTEGER:
                raise ValueError("has integers above 2^53, which cannot be held exactly; divide them")
    elif target == np.int8:
        target = np.int16
    return np.ascontiguousarray(values, dtype=target)
