"""The page in a browser: files are opened by hand, by dropping, from examples; it can be reloaded."""

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def test_a_file_that_is_opened_has_its_room_also_after_a_reload(page, picture):
    page.set_input_files("#file", picture)
    page.wait_for_selector("#document-name:text('p.png')")
    assert page.locator("#layout").get_attribute("data-room") == "picture"
    page.reload()
    page.wait_for_selector("#document-name:text('p.png')")
    assert page.title() == "p.png - gaussmix"


def test_a_table_has_its_own_room(page):
    page.set_input_files("#file", {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n3,5\n"})
    page.wait_for_selector("#document-name:text('t.csv')")
    assert page.locator("#layout").get_attribute("data-room") == "table"
