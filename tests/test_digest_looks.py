"""The digest in a real browser: readable in light and dark, and as narrow as a phone."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from reports.digest.content import Watch
from reports.digest.render import render
from tests.fix_browser import CONTRASTS
from tests.test_digest_content import collected
from tests.test_digest_hostile import NAMES, hostile
from tests.test_digest_render import GOLDEN, PAGE

DIGESTS = GOLDEN | {
    "hostile": lambda: render(
        collected(hostile(600), product=NAMES[0], notes=NAMES, watch=Watch(24, 2)), serial=1, base_url=PAGE
    ),
}
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    """Give the HTML of each digest."""
    return {name: make().html for name, make in DIGESTS.items()}


def opened(browser: Browser, html: str, scheme: Literal["light", "dark"], width: int) -> Page:
    """Return a page that shows the mail."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_content(html)
    return page


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", DIGESTS)
def test_every_text_can_be_read(
    browser: Browser, documents: dict[str, str], name: str, scheme: Literal["light", "dark"]
) -> None:
    page = opened(browser, documents[name], scheme, 600)
    contrasts: list[tuple[float, str]] = page.evaluate(CONTRASTS)
    page.close()
    assert len(contrasts) >= 10
    assert [(round(contrast, 2), text) for contrast, text in contrasts if contrast < 4.5] == []


@pytest.mark.parametrize("width", [320, 600, 1200])
@pytest.mark.parametrize("name", DIGESTS)
def test_nothing_is_wider_than_the_screen(browser: Browser, documents: dict[str, str], name: str, width: int) -> None:
    page = opened(browser, documents[name], "light", width)
    wide: list[Any] = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter(one => one.getBoundingClientRect().right > innerWidth || one.scrollWidth > one.clientWidth + 1
                           && getComputedStyle(one).display !== "inline" && one.clientWidth)
            .map(one => one.outerHTML.slice(0, 100))"""
    )
    page.close()
    assert wide == []


def test_the_dark_scheme_is_dark(browser: Browser, documents: dict[str, str]) -> None:
    page = opened(browser, documents["busy_day"], "dark", 600)
    colour: str = page.evaluate("() => getComputedStyle(document.querySelector('.card')).backgroundColor")
    page.close()
    assert colour == "rgb(24, 27, 32)"
