"""Draw the page of the README and of docs/page.md: `python docs/images/draw_page.py`, which plays the demo's day for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, sync_playwright

from reports.web.config import WebConfig
from reports.web.viewer import Viewer
from tests.fix_page import listening
from whochanged.demo import play, prepare, read_day
from whochanged.embedded import DEFAULT_MAJOR, Server, programs

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE, PHONE = (1200, 820), (390, 780)
ZONE = "Europe/Berlin"

VIEWER = Viewer("Tom Becker", "admin", None, may_export=True, timezone=ZONE, subject="host:tom", email="tom@acme.test")


def main() -> None:
    """Draw each page in light, in dark, and as wide as a phone."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(programs(DEFAULT_MAJOR), Path(folder) / "data", {"fsync": "off"}, sync=False)
        Path(folder).chmod(0o755)
        server.start()
        try:
            day = read_day()
            for _ in play(prepare(server.dsn(), day, database=None), day, ZoneInfo(ZONE)):
                pass
            with listening(WebConfig(server.dsn(), identify=lambda _: VIEWER)) as url, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                for name in ("list", "entry", "history", "overview", "coverage", "settings"):
                    for scheme in SCHEMES:
                        draw(browser, url, name, scheme, WIDE, f"page-{name}-{scheme}.png")
                    draw(browser, url, name, "light", PHONE, f"page-{name}-phone.png")
                browser.close()
        finally:
            server.stop()


def draw(
    browser: Browser, url: str, name: str, scheme: Literal["light", "dark"], size: tuple[int, int], file: str
) -> None:
    """Draw one page into a file."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, base_url=url)
    show(page, name)
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / file)
    page.close()


def show(page: Page, name: str) -> None:
    """Go to a page of the day at its best."""
    if name == "list":
        page.goto("/?since=30d&module=Plans+and+Billing")
        page.locator(".entry", has_text="Downgraded").locator("summary").click()
        page.mouse.move(0, 0)
    elif name == "entry":
        page.goto("/?q=Downgraded+licences")
        page.goto(page.locator(".acts a", has_text="Open entry").first.get_attribute("href") or "")
    elif name == "history":
        page.goto("/history/crm.territories/1")
    else:
        page.goto(f"/{name}" + ("?days=7" if name == "overview" else ""))


if __name__ == "__main__":
    main()
