"""Draw the digest of the README: `whochanged demo --out DIR`, then `python docs/images/draw_digest.py DIR/ana.html`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SIZE = {"width": 640, "height": 860}


def main() -> None:
    """Draw the top of the mail, for light and for dark pages."""
    page_address = Path(sys.argv[1]).resolve().as_uri()
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for scheme in schemes:
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, device_scale_factor=1.5)
            page.goto(page_address)
            page.screenshot(path=HERE / f"digest-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
