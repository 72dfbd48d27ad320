"""The browser of the page tests does what they rely on, offline, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.browser import Browser, BrowserError

PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><title>A page</title>
<label>Name <input id="name"></label>
<button id="go" onclick="document.getElementById('said').textContent =
  'Hello ' + document.getElementById('name').value">Go</button>
<a href="#there">To there</a><p id="said"></p><p id="hidden" style="display:none">unseen</p>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with a text field, a button and a link."""
    path = tmp_path / "a page.html"
    path.write_text(PAGE, "utf-8")
    return path


def test_a_page_is_read_clicked_and_drawn(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    assert browser.run("return document.title") == "A page"
    browser.one("#name").type("reader")
    browser.one("#go").click()
    assert browser.wait_for("return document.getElementById('said').textContent") == "Hello reader"
    assert not browser.one("#hidden").is_shown
    assert len(browser.all("p")) == 2
    browser.link("To there").click()
    assert browser.run("return location.hash + arguments[0]", "!") == "#there!"
    browser.resize(390, 844, is_phone=True)
    assert browser.run("return window.innerWidth") == 390
    assert browser.screenshot(tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")
    assert browser.complaints() == []


def test_scripts_that_fail_and_loads_that_need_a_network_are_told(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "needy.html"
    path.write_text(
        "<img src='https://example.com/x.png'><script>undefinedName()</script>", "utf-8"
    )
    browser.open(path)
    said = "\n".join(browser.complaints())
    assert "example.com" in said
    assert "undefinedName" in said
    with pytest.raises(BrowserError, match="no such element"):
        browser.one("#absent")
    with pytest.raises(BrowserError, match="still not true"):
        browser.wait_for("return false", seconds=0.2)


def test_a_missing_browser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BrowserError, match="apt-get install chromium chromium-driver"):
        Browser()
