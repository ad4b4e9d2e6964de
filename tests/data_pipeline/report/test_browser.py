"""In a browser, where there is one: heads sort, fields narrow, links open what they lead to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from data_pipeline.report.page import render_page
from tests.data_pipeline.report.facts import CODE, NEWS, facts

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ACTS = """
<script>
const names = () => [...document.querySelectorAll("#all-sources tbody tr:not([hidden])")].map(row => row.cells[0].textContent);
const press = head => [...document.querySelectorAll("#all-sources th button")].find(each => each.textContent === head).click();
const found = {};
press("Docs in"); found.most = names();
press("Docs in"); found.least = names();
press("Source"); found.named = names();
const [field, other] = document.querySelectorAll("input[data-narrows]");
field.value = "MIT"; field.dispatchEvent(new Event("input")); found.narrowed = names();
other.value = "python"; other.dispatchEvent(new Event("input"));
found.entries = document.querySelectorAll("details.source:not([hidden])").length;
location.hash = "#source-news-3"; reveal();
found.opened = document.getElementById("source-news-3").closest("details").open;
found.french = document.querySelector("[data-language]").parentElement.textContent;
document.title = JSON.stringify(found);
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
def test_the_script_does_what_it_is_for(tmp_path: Path) -> None:
    sources = {f"news-{place}": {**NEWS, "read": {"documents": 100 + place}} for place in range(8)}
    page = tmp_path / "page.html"
    text = render_page(facts(sources={**sources, "aaa": {}, "scripts": CODE}))
    page.write_text(text.replace("</body>", f"{ACTS}</body>"), "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([str(BROWSER), *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=True, timeout=120)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    found = json.loads(unescape(title[1]))
    news = [f"news-{place}" for place in range(8)]
    assert found["most"] == [*news[::-1], "scripts", "aaa"]  # what is not measured comes last, whatever the order
    assert found["least"] == ["scripts", *news, "aaa"]
    assert found["named"] == ["aaa", *news, "scripts"]
    assert found["narrowed"] == ["scripts"]
    assert found["entries"] == 1
    assert found["opened"] is True
    assert "French" in found["french"]
