"""Draw the digests of README and docs/digests.md, from the golden file of a busy day: `python docs/images/draw_digest.py`."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import ViewportSize, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PAGE = HERE.parent.parent / "tests" / "data" / "digest" / "busy_day.html"
SIZES = {"digest": (660, 1330), "digest-narrow": (340, 900)}


def main() -> None:
    """Draw the top of the mail, wide and narrow, for light and for dark pages."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for (name, (width, height)), scheme in product(SIZES.items(), schemes):
            view: ViewportSize = {"width": width, "height": height}
            page = browser.new_page(viewport=view, color_scheme=scheme, device_scale_factor=1.25)
            page.goto(PAGE.as_uri())
            page.screenshot(path=HERE / f"{name}-{scheme}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
