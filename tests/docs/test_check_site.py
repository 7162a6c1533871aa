"""The check of the built documentation finds every kind of fault, and none in a sound site."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

specification = spec_from_file_location("check_site", Path(__file__).parents[2] / "docs" / "check_site.py")
check_site = module_from_spec(specification)
specification.loader.exec_module(check_site)

FILES = {
    "index.html": (
        '<link rel="stylesheet" href="_static/site.css?v=1"><link rel="next" href="https://example.org/next">'
        '<a href="guide/#start">start</a><a href="#here">here</a><p id="here"></p>'
        '<img src="_static/a%20picture.png" srcset="_static/a%20picture.png, _static/twice.png 2.00x">'
        '<a href="https://example.org">not loaded, not followed</a><a href="mailto:someone@example.org">write</a>'
        '<p style="background: url(data:image/png;base64,AAAA)">{}</p>'
    ),
    "guide/index.html": '<h1 id="start">Start</h1><a href="../index.html#here">back</a>{}',
    "_static/site.css": "/* url(https://example.org/old) */ @font-face {{ src: url('font.ttf#iefix') }} {}",
    "_static/font.ttf": "",
    "_static/a picture.png": "",
    "_static/twice.png": "",
    "_static/template.html": '<a href="{{{{ nowhere }}}}">no page</a>',
}
FAULTS = {
    "a page that is not there": ("index.html", '<a href="missing.html">', "index.html: missing.html leads nowhere"),
    "a way out of the site": ("index.html", '<a href="../outside.html">', "index.html: ../outside.html leads nowhere"),
    "a place in another page": (
        "index.html",
        '<a href="guide/index.html#end">',
        "index.html: no such place in that page, guide/index.html#end",
    ),
    "a place in the page": (
        "guide/index.html",
        '<a href="#end">',
        "guide/index.html: no such place in that page, #end",
    ),
    "an image": ("index.html", '<img src="lost.png">', "index.html: lost.png is not there"),
    "an image for fine screens": ("index.html", '<img srcset="lost.png 2x">', "index.html: lost.png is not there"),
    "a script from elsewhere": (
        "index.html",
        '<script src="https://cdn.example.org/x.js"></script>',
        "index.html: asks the network for https://cdn.example.org/x.js",
    ),
    "an image from elsewhere": (
        "guide/index.html",
        '<img src="//example.org/x.png">',
        "guide/index.html: asks the network for //example.org/x.png",
    ),
    "an icon from elsewhere": (
        "index.html",
        '<link rel="icon" href="http://example.org/i.ico">',
        "index.html: asks the network for http://example.org/i.ico",
    ),
    "a style within a page": (
        "index.html",
        "<style>@import 'https://example.org/x.css';</style>",
        "index.html: asks the network for https://example.org/x.css",
    ),
    "a style of an element": (
        "index.html",
        '<b style="background: url(https://example.org/b.png)"></b>',
        "index.html: asks the network for https://example.org/b.png",
    ),
    "a font": (
        "_static/site.css",
        '@font-face { src: url("https://example.org/f.woff2") }',
        "_static/site.css: asks the network for https://example.org/f.woff2",
    ),
    "a font that is lost": ("_static/site.css", "b { src: url(lost.ttf) }", "_static/site.css: lost.ttf is not there"),
}


@pytest.fixture
def site(tmp_path):
    def make(extra=None):
        for name, text in FILES.items():
            path = tmp_path / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format((extra or {}).get(name, "")), encoding="utf-8")
        (tmp_path / "outside.html").write_text("")
        return tmp_path / "site"

    return make


def test_a_sound_site_has_no_faults(site, capsys):
    assert check_site.main(site()) == 0
    assert capsys.readouterr().out == (
        "2 pages, 1 style sheets, 5 files that pages load, 3 links inside the site, 3 links elsewhere, not followed; "
        "faults: 0\n"
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found(site, capsys, fault):
    name, text, said = FAULTS[fault]
    assert check_site.main(site({name: text})) == 1
    assert capsys.readouterr().out.splitlines()[:-1] == [said]


def test_an_empty_site_is_a_fault(tmp_path, capsys):
    assert check_site.main(tmp_path) == 1
    assert "no page" in capsys.readouterr().out
