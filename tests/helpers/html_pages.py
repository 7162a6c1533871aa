"""Content and completeness of HTML pages."""

import re
from html.parser import HTMLParser

import pandas as pd

from gaussmix.datasets import load_old_faithful

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Parser that records tags in order, tables as text, and faults of nesting."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.faults, self.tables, self.texts = [], [], [], [], {}

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if len(dict(attributes)) < len(attributes):
            self.faults.append(f"{tag} has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append({"caption": "", "lines": []})
        elif tag == "tr":
            self.tables[-1]["lines"].append([])
        elif tag in ("td", "th"):
            self.tables[-1]["lines"][-1].append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes another element")

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag] = self.texts.get(tag, "") + data
        if "table" in self.open:
            if "caption" in self.open:
                self.tables[-1]["caption"] += data
            elif self.open and {"td", "th"} & set(self.open):
                self.tables[-1]["lines"][-1][-1] += data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def table(self, words):
        return next(table["lines"] for table in self.tables if words in table["caption"])


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.faults == []
    assert reader.open == []
    return reader


def assert_complete(text):
    """Assert that a page is well-formed and refers to nothing outside it."""
    reader = read(text)
    identifiers = reader.attributes("id")
    assert len(set(identifiers)) == len(identifiers)
    assert all(source.startswith("data:image/png;base64,") for source in reader.attributes("src"))
    assert all(link[0] == "#" and link[1:] in identifiers for link in reader.attributes("href"))
    for name in ("srcset", "srcdoc", "action", "data", "background", "poster", "onerror", "onload"):
        assert reader.attributes(name) == []
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "embed", "form", "base", "svg"}
    styles = reader.texts["style"] + " ".join(reader.attributes("style"))
    assert not re.search(r"url\s*\(|@import|expression|image-set", styles)
    assert [attributes["alt"] for tag, attributes in reader.tags if tag == "img" if not attributes["alt"]] == []
    labels = reader.attributes("aria-labelledby")
    assert set(labels) <= set(identifiers)
    return reader


def named_eruptions():
    """Return the eruptions as a pandas data frame."""
    rows, names = load_old_faithful()
    return pd.DataFrame(rows, columns=list(names))
