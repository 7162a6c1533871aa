"""Pictures and volumes in memory: pixels, which of them count, and where they lie in space."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from gaussmix.core.typing import BoolArray, Rows

_STRETCH = (0.1, 99.9)  # percentiles shown as black and as white
_MOST_LOOKED_AT = 1 << 20  # values from which the percentiles are found


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels as they are in the file, and what is needed to write results that fit on them.

    Attributes
    ----------
    pixels : (..., channels) array of uint8, uint16, int16, float32 or float64
        Two spatial axes, or three of a volume; a leading axis before them if `stacked`.
    alpha : array of uint8 of the shape of the axes, or None
        Opacity; pixels with 0 are not visible. None: all are opaque.
    stacked : bool
        Whether the first axis counts pages that have no neighbors in each other.
    spacing : tuple of float, or None
        The distance between neighbors along each spatial axis, in any one unit. None: not known.
    suffix : str
        Of the files in which results keep the geometry: ".png", ".tif", ".nii", ".nii.gz" or ".npy". If not given,
        ".png" of a flat picture and ".npy" of stacks and volumes.
    geometry : object
        What the module that read the file needs to write another one like it.
    """

    pixels: Rows
    alpha: Rows | None = None
    stacked: bool = False
    spacing: tuple[float, ...] | None = None
    suffix: str = ""
    geometry: Any = None

    def __post_init__(self) -> None:
        if self.n_axes not in (2, 3):
            raise ValueError(
                f"A picture has 2 spatial axes, a volume 3, and channels are the last axis; got the shape "
                f"{self.pixels.shape}{', stacked' if self.stacked else ''}"
            )
        if not self.suffix:
            object.__setattr__(self, "suffix", ".png" if self.pixels.ndim == 3 else ".npy")
        if self.alpha is not None and self.alpha.shape != self.shape:
            raise ValueError(f"alpha has the shape {self.alpha.shape}; the picture has {self.shape}")
        if self.spacing is not None and len(self.spacing) != self.n_axes:
            raise ValueError(f"spacing has {len(self.spacing)} numbers; the picture has {self.n_axes} spatial axes")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the axes without the channels."""
        return self.pixels.shape[:-1]

    @property
    def n_axes(self) -> int:
        """How many axes are spatial: 2 or 3."""
        return self.pixels.ndim - 1 - self.stacked

    @property
    def channels(self) -> tuple[str, ...]:
        """What the channels are called."""
        match self.pixels.shape[-1]:
            case 1:
                return ("gray",)
            case 3:
                return ("red", "green", "blue")
            case n_channels:
                return tuple(f"channel {channel}" for channel in range(n_channels))

    @cached_property
    def visible(self) -> BoolArray | None:
        """The pixels that are neither transparent nor NaN or infinite in any channel; None if that is all of them."""
        visible = None if self.alpha is None else self.alpha > 0
        if self.pixels.dtype.kind == "f":
            missing = np.zeros(self.shape, dtype=bool)
            for channel in range(self.pixels.shape[-1]):
                missing |= ~np.isfinite(self.pixels[..., channel])
            visible = ~missing if visible is None else visible & ~missing
        return None if visible is None or visible.all() else visible

    @property
    def n_visible(self) -> int:
        """How many pixels are visible."""
        return int(np.prod(self.shape)) if self.visible is None else int(np.count_nonzero(self.visible))

    @property
    def rows(self) -> Rows:
        """The visible pixels, ``(n, channels)``; where all are, they are not copied."""
        if self.visible is None:
            return self.pixels.reshape(-1, self.pixels.shape[-1])
        return self.pixels[self.visible]

    def masked(self, mask: BoolArray) -> Self:
        """The picture with nothing visible outside of a mask.

        Parameters
        ----------
        mask : array of bool
            Of the picture's shape, or of that of its pages.

        Returns
        -------
        Picture
            With more that is transparent.

        Raises
        ------
        ValueError
            If the mask has neither the picture's shape nor that of its pages, or leaves no pixel.
        """
        pages = self.shape[1:] if self.stacked else self.shape
        if mask.shape not in (self.shape, pages):
            raise ValueError(f"the mask has the shape {mask.shape}, the picture {self.shape}; they must be equal")
        alpha = np.where(mask, np.uint8(255) if self.alpha is None else self.alpha, np.uint8(0))
        masked = replace(self, alpha=np.ascontiguousarray(np.broadcast_to(alpha, self.shape)))
        if masked.n_visible == 0:
            raise ValueError("the mask leaves no pixel of the picture")
        return masked

    def placed(self, values: Rows, elsewhere: float) -> Rows:
        """Values of the visible pixels, put where the pixels are.

        Parameters
        ----------
        values : (n, ...) array
            A value, or several, for each visible pixel.
        elsewhere : float
            What stands at all other pixels.

        Returns
        -------
        (shape, ...) array
            Of the type of the values.
        """
        shape = self.shape + values.shape[1:]
        if self.visible is None:
            return values.reshape(shape)
        picture = np.full(shape, elsewhere, dtype=values.dtype)
        picture[self.visible] = values
        return picture

    def plane(self, page: int, depth: float = 0.5) -> Self:
        """A flat picture of one page, or of one slice.

        Parameters
        ----------
        page : int
            Which page; 0 unless `stacked`.
        depth : float, default=0.5
            Of a volume, the slice at this share of its depth.

        Returns
        -------
        Picture
            With two axes.
        """
        picture = self[page] if self.stacked else self
        if picture.n_axes == 2:
            return picture
        axis = self.slice_axis
        position = min(int(depth * picture.shape[axis]), picture.shape[axis] - 1)
        spacing = picture.spacing and (*picture.spacing[:axis], *picture.spacing[axis + 1 :])
        upright = np.rot90 if axis == 2 else np.asarray
        alpha = picture.alpha
        return replace(
            picture,
            pixels=upright(np.take(picture.pixels, position, axis)),
            alpha=None if alpha is None else upright(np.take(alpha, position, axis)),
            spacing=spacing[::-1] if spacing and axis == 2 else spacing,
        )

    @property
    def slice_axis(self) -> int:
        """The axis across the slices of a volume: the last in NIfTI, whose axes are x, y, z; else the first."""
        return 2 if self.suffix.startswith(".nii") else 0

    def __getitem__(self, page: int) -> Self:
        """One page of a stack."""
        alpha = None if self.alpha is None else self.alpha[page]
        return replace(self, pixels=self.pixels[page], alpha=alpha, stacked=False)

    def shown(self, limits: tuple[float, float] | None = None) -> Rows:
        """The picture as a screen can show it.

        Bytes are shown as they are; other values from black to white between the limits. Of two channels, or more than
        three, the mean is shown.

        Parameters
        ----------
        limits : tuple of two floats, optional
            What is black and what is white; `Picture.limits` if not given.

        Returns
        -------
        (shape, 3 or 4) array of uint8
            Red, green, blue and, where not everything is visible, opacity.
        """
        pixels = self.pixels if self.pixels.shape[-1] in (1, 3) else self.pixels.mean(axis=-1, keepdims=True)
        if pixels.dtype != np.uint8:
            black, white = limits or self.limits
            pixels = pixels.astype(np.float32)
            shares = (np.where(np.isnan(pixels), np.float32(black), pixels) - black) / (white - black)
            pixels = np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)
        colors = np.broadcast_to(pixels, (*self.shape, 3))
        if self.visible is None and self.alpha is None:
            return colors
        opacity = np.full(self.shape, 255, dtype=np.uint8) if self.alpha is None else self.alpha
        if self.visible is not None:
            opacity = np.where(self.visible, opacity, np.uint8(0))
        return np.concatenate([colors, opacity[..., None]], axis=-1)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """What is shown as black and as white: 0 and 255 of bytes, else all but 0.2 % lie between."""
        values = self.rows.reshape(-1)
        if self.pixels.dtype == np.uint8 or values.size == 0:
            return 0.0, 255.0
        step = -(-values.size // _MOST_LOOKED_AT)
        black, white = (float(number) for number in np.percentile(values[::step], _STRETCH))
        return (black, white) if white > black else (black, black + 1)


def narrowed(values: Rows) -> Rows:
    """Numbers of any kind as the narrowest of uint8, uint16, int16, float32 and float64 that holds them exactly.

    8-bit, 16-bit and floating-point numbers keep their type; the result is in C order and in the machine's byte order.

    Raises
    ------
    ValueError
        If the values are no real numbers of at most 64 bits.
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
            if max(-least, greatest) > 1 << 53:
                raise ValueError("has integers above 2^53, which cannot be held exactly; divide them")
    elif target == np.int8:
        target = np.int16
    return np.ascontiguousarray(values, dtype=target)
