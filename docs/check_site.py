"""Check a built site: every link and image in it resolves, and opening a page asks the network for nothing.

``python docs/check_site.py docs/_build`` prints what it counted, and every fault; it fails where there is one.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "link": ("href",),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
"""Element -> attributes whose address a browser loads when it opens the page."""

NOT_LOADED = {"alternate", "author", "canonical", "help", "index", "license", "next", "prev", "search", "up"}
"""Kinds of ``link`` that a browser does not load."""

COUNTED = ("pages", "style sheets", "files that pages load", "links inside the site", "links elsewhere, not followed")

URL_IN_CSS = re.compile(r"""url\(\s*(["']?)(.*?)\1\s*\)|@import\s+(["'])(.*?)\3""")
COMMENT_IN_CSS = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Page(HTMLParser):
    """What one page points to, what it loads, and the places in it that others can point to."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    _in_style: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        self.loads.extend(addresses_in_css(given.get("style", "")))
        self._in_style = tag == "style"
        kinds = set(given.get("rel", "").split())
        names = () if tag == "link" and kinds and kinds <= NOT_LOADED else LOADED.get(tag, ())
        for name, value in given.items():
            if name in names:
                self.loads.extend(part.split()[0] for part in value.split(", ") if part.strip())
            elif name in ("href", "src"):
                self.links.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.loads.extend(addresses_in_css(data))


def addresses_in_css(text: str) -> list[str]:
    return [plain or imported for _, plain, _, imported in URL_IN_CSS.findall(COMMENT_IN_CSS.sub("", text))]


def read_page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def faults_of(site: Path, counts: Counter[str]) -> Iterator[str]:
    """Yield what is wrong with the site, and count what was looked at."""
    pages = {path.resolve(): read_page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}
    for path, page in pages.items():
        counts["pages"] += 1
        for address in page.loads:
            counts["files that pages load"] += 1
            yield from _faults_of_load(path, address, site)
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                counts["links elsewhere, not followed"] += 1
                continue
            counts["links inside the site"] += 1
            target = _target(path, parts.path)
            if not target.is_relative_to(site.resolve()) or not target.is_file():
                yield f"{path.relative_to(site.resolve())}: {address} leads nowhere"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path.relative_to(site.resolve())}: no such place in that page, {address}"
    for path in sorted(site.rglob("*.css")):
        counts["style sheets"] += 1
        for address in addresses_in_css(path.read_text(encoding="utf-8")):
            yield from _faults_of_load(path.resolve(), address, site)


def _faults_of_load(path: Path, address: str, site: Path) -> Iterator[str]:
    parts = urlsplit(address)
    where = path.relative_to(site.resolve())
    if parts.scheme == "data" or (not parts.path and not parts.netloc):
        return
    if parts.scheme or parts.netloc:
        yield f"{where}: asks the network for {address}"
    elif not _target(path, parts.path).is_file():
        yield f"{where}: {address} is not there"


def _target(page: Path, address: str) -> Path:
    target = (page.parent / unquote(address)).resolve() if address else page
    return target / "index.html" if target.is_dir() else target


def main(site: Path) -> int:
    counts: Counter[str] = Counter()
    faults = list(faults_of(site, counts))
    if not counts["pages"]:
        faults.append(f"no page in {site}")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(", ".join(f"{counts[what]:,} {what}" for what in COUNTED) + f"; faults: {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
