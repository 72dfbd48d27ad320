"""Headless Chromium for tests of pages, driven through chromedriver's WebDriver protocol.

WebDriver is JSON over HTTP, so `requests` is all it takes. The browser has no network: every name
but loopback fails to resolve, so a page that needs more than its own file shows it.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

_ELEMENT = (
    "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
)
_MISSING = (
    "the page tests need Chromium: sudo apt-get install chromium chromium-driver, or set "
    "CFW_TEST_CHROMIUM and CFW_TEST_CHROMEDRIVER to the programs"
)
_OFFLINE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
_START_SECONDS = 60.0


class BrowserError(AssertionError):
    """The browser refused a command; the text is its own first line."""


def _program(variable: str, *names: str) -> str:
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise BrowserError(_MISSING)
    return found


class Element:
    """One element of the page that was open when it was found."""

    def __init__(self, browser: Browser, reference: str) -> None:
        """Keep which element of which browser this is."""
        self._browser, self.reference = browser, reference

    def click(self) -> None:
        """Scroll to the element and click it as a person would; one that is covered fails."""
        self._browser.command("POST", f"element/{self.reference}/click", {})

    def type(self, text: str) -> None:
        """Replace the element's text by typing."""
        self._browser.command("POST", f"element/{self.reference}/clear", {})
        self._browser.command("POST", f"element/{self.reference}/value", {"text": text})

    @property
    def text(self) -> str:
        """The text that a reader sees."""
        return str(self._browser.command("GET", f"element/{self.reference}/text"))

    @property
    def is_shown(self) -> bool:
        """Whether the element takes part in what is drawn."""
        return bool(self._browser.command("GET", f"element/{self.reference}/displayed"))


class Browser:
    """One headless Chromium.

    Use as a context manager. Raises ``BrowserError`` where Chromium or chromedriver is missing (one
    line that says what to install), and where the browser refuses a command.
    """

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        """Start the browser with a window of this size in pixels."""
        chromium = _program("CFW_TEST_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
        driver = _program("CFW_TEST_CHROMEDRIVER", "chromedriver")
        self._folder = tempfile.TemporaryDirectory(
            prefix="cfw-browser-", ignore_cleanup_errors=True
        )
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy of the environment is not for loopback
        log = Path(self._folder.name) / "driver.log"
        with log.open("wb") as output:
            self._driver = subprocess.Popen(
                [driver, "--port=0"], stdout=output, stderr=output, start_new_session=True
            )
        try:
            self._url = f"http://127.0.0.1:{self._port(log)}"
            self._url += f"/session/{self._session(chromium, width, height)}"
        except BaseException:
            self.close()
            raise

    def _port(self, log: Path) -> int:
        marker, deadline = "started successfully on port ", time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._driver.poll() is None:
            said = log.read_text("utf-8", errors="replace")
            if marker in said:
                return int(said.split(marker)[1].split(".")[0])
            time.sleep(0.05)
        msg = f"chromedriver did not start: {log.read_text('utf-8', errors='replace')[-300:]}"
        raise BrowserError(msg)

    def _session(self, chromium: str, width: int, height: int) -> str:
        arguments = [
            "--headless=new",
            "--no-sandbox",  # Chromium refuses its sandbox to root and in most containers
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--hide-scrollbars",
            f"--host-resolver-rules={_OFFLINE}",
            f"--window-size={width},{height}",
            f"--user-data-dir={self._folder.name}/profile",
        ]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": chromium, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": 30_000, "pageLoad": 120_000},
        }
        body = {"capabilities": {"alwaysMatch": wanted}}
        return str(self._send("POST", f"{self._url}/session", body)["sessionId"])

    def __enter__(self) -> Browser:
        """Return the browser."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser."""
        self.close()

    def close(self) -> None:
        """End the browser and its driver."""
        try:
            if "/session/" in getattr(self, "_url", ""):
                self._http.delete(self._url, timeout=20)
        finally:
            self._http.close()
            self._driver.terminate()
            self._driver.wait(timeout=20)
            self._folder.cleanup()

    def _send(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, url, json=body, timeout=150).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            msg = f"{answer['error']}: {str(answer.get('message', '')).splitlines()[0]}"
            raise BrowserError(msg)
        return answer

    def command(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send one WebDriver command of the session and return its value."""
        return self._send(method, f"{self._url}/{path}", body)

    def open(self, page: Path | str) -> None:
        """Load a file, or a URL on loopback, and wait until it is loaded."""
        url = page.absolute().as_uri() if isinstance(page, Path) else page
        self.command("POST", "url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page; ``arguments[0]`` ... are the arguments, ``return`` gives."""
        return self.command("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script: str, *arguments: Any, seconds: float = 20.0) -> Any:
        """Run JavaScript until it returns something true, and return that.

        Raises:
            BrowserError: it stayed false for ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            if time.monotonic() > deadline:
                msg = f"after {seconds:g} s still not true: {script}"
                raise BrowserError(msg)
            time.sleep(0.05)
        return value

    def all(self, selector: str) -> list[Element]:
        """Return the elements of a CSS selector, in page order."""
        found = self.command("POST", "elements", {"using": "css selector", "value": selector})
        return [Element(self, one[_ELEMENT]) for one in found]

    def one(self, selector: str) -> Element:
        """Return the first element of a CSS selector; raises ``BrowserError`` without one."""
        found = self.command("POST", "element", {"using": "css selector", "value": selector})
        return Element(self, found[_ELEMENT])

    def link(self, text: str) -> Element:
        """Return the link whose text contains ``text``."""
        body = {"using": "partial link text", "value": text}
        return Element(self, self.command("POST", "element", body)[_ELEMENT])

    def resize(self, width: int, height: int, *, is_phone: bool = False) -> None:
        """Give the page a viewport of this size; a phone also has touch and mobile layout."""
        parameters = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 2 if is_phone else 1,
            "mobile": is_phone,
        }
        self.command(
            "POST",
            "goog/cdp/execute",
            {"cmd": "Emulation.setDeviceMetricsOverride", "params": parameters},
        )

    def screenshot(self, path: Path) -> Path:
        """Write what the window shows as a PNG and return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.command("GET", "screenshot")))
        return path

    def complaints(self) -> list[str]:
        """Return the console's errors since the last call: scripts, failed loads."""
        said = self.command("POST", "se/log", {"type": "browser"})
        return [line["message"] for line in said if line["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module."""
    with Browser() as started:
        yield started
