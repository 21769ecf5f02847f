"""The digest in a real browser: readable in light and dark, and as narrow as a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.digest.content import Watch
from reports.digest.render import render
from tests.fix_postgres import missing
from tests.test_digest_content import collected
from tests.test_digest_hostile import NAMES, hostile
from tests.test_digest_render import GOLDEN, PAGE

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()

DIGESTS = GOLDEN | {
    "hostile": lambda: render(
        collected(hostile(600), product=NAMES[0], notes=NAMES, watch=Watch(24, 2)), serial=1, base_url=PAGE
    ),
}
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]

CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const over = (top, below) => top.slice(0, 3).map((part, i) => part * (top[3] ?? 1) + below[i] * (1 - (top[3] ?? 1)));
  const luminance = rgb => rgb
    .map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const background = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(numbers(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const below = background(element);
    const [a, b] = [luminance(over(numbers(getComputedStyle(element).color), below)), luminance(below)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), walker.currentNode.data.trim().slice(0, 60)]);
  }
  return found;
}"""
"""The contrast (WCAG 2.2, 1.4.3) of each visible text against what is painted behind it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser without a window."""
    if not CHROMIUM.exists():
        missing(f"{CHROMIUM} is not installed here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


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
