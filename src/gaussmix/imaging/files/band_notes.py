"""What a GeoTIFF says about its bands: GDAL's tag of names, scales and offsets."""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.names import different_names

_NOTES = 42112  # GDAL: an XML text


@dataclass(frozen=True)
class BandNotes:
    """Names, scales and offsets of the bands of a file.

    Attributes
    ----------
    names : dict of int to str
        Descriptions of bands, by number from 0.
    scales, offsets : dict of int to float
        A value is the stored number times the scale, plus the offset; 1 and 0 where none is given.
    """

    names: dict[int, str]
    scales: dict[int, float]
    offsets: dict[int, float]

    @classmethod
    def of(cls, page: Any) -> Self:
        """Return the notes of a page.

        Parameters
        ----------
        page : tifffile.TiffPage
            The first page.

        Raises
        ------
        ValueError
            If a scale or an offset is not a finite number, or the text is not XML.
        """
        found: dict[str, dict[int, str]] = {"description": {}, "scale": {}, "offset": {}}
        text = str(page.tags.valueof(_NOTES, "")).strip(" \0")
        try:
            items = list(ElementTree.fromstring(text).iter("Item")) if text else []
        except ElementTree.ParseError as error:
            raise ValueError(f"its notes about bands (tag {_NOTES}) are not XML: {error}") from None
        for item in items:
            band, role = item.get("sample", ""), item.get("role", "")
            if band.isdecimal() and role in found and item.text:
                found[role][int(band)] = item.text.strip()
        scales, offsets = ({band: _number(text) for band, text in found[role].items()} for role in ("scale", "offset"))
        return cls(found["description"], scales, offsets)

    def values(self, stored: Rows, bands: list[int]) -> Rows:
        """Return the values of stored numbers.

        Parameters
        ----------
        stored : (..., channels) array
            Numbers of the file.
        bands : list of int
            Number of the band of each channel.

        Returns
        -------
        (..., channels) array
            The same array if no band has a scale or an offset; else float32, or float64 for numbers of more than 24
            bits.
        """
        lines = [(self.scales.get(band, 1.0), self.offsets.get(band, 0.0)) for band in bands]
        if all(line == (1.0, 0.0) for line in lines):
            return stored
        single = stored.dtype == np.float32 or stored.dtype.itemsize <= 2
        values = np.empty(stored.shape, dtype=np.float32 if single else np.float64)
        for channel, (scale, offset) in enumerate(lines):
            values[..., channel] = stored[..., channel].astype(np.float64) * scale + offset
        return values

    def channel_names(self, bands: list[int]) -> tuple[str, ...] | None:
        """Return a name for each channel; None unless all bands have different ones.

        Parameters
        ----------
        bands : list of int
            Number of the band of each channel.
        """
        return different_names([self.names.get(band, "") for band in bands], len(bands))


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"its scales and offsets of bands must be finite; got {text}")
    return number
