"""The digest in a real browser: readable in light and dark, and as narrow as a phone."""

from __future__ import annotations

import re
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


PARTS = """() => {
  const colour = element => getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const luminance = rgb => rgb.map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const below = colour(document.querySelector(".card"));
  const shades = ["a", "b", "c"].map(shade => colour(document.querySelector(`.bar .${shade}`)));
  return [shades.map(shade => contrast(shade, below)),
          [contrast(shades[0], shades[1]), contrast(shades[1], shades[2]), contrast(shades[0], shades[2])]];
}"""
"""The contrast (WCAG 2.2, 1.4.11) of the parts of a bar against the page, and of one against the other."""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_parts_of_a_bar_are_told_apart_by_shade(
    browser: Browser, documents: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    """Against the page by 3 to 1; against each other by brightness too, for who sees no colours, besides the words."""
    page = opened(browser, documents["busy_day"], scheme, 600)
    against_page, among = page.evaluate(PARTS)
    page.close()
    assert min(against_page) >= 3
    assert min(among) >= 1.3


def test_the_bars_are_as_long_as_the_numbers_say(browser: Browser, documents: dict[str, str]) -> None:
    page = opened(browser, documents["busy_day"], "light", 600)
    rows: list[tuple[str, float]] = page.evaluate(
        """() => [...document.querySelectorAll(".modules tr")].filter(row => row.querySelector(".bar"))
            .map(row => [row.querySelector(".sum").innerText,
                [...row.querySelectorAll(".bar .a, .bar .b, .bar .c")].reduce((sum, one) => sum + one.offsetWidth, 0)])"""
    )
    page.close()
    longest = max(width for _, width in rows)
    most = max(int(number) for number, _ in rows)
    assert len(rows) == 7
    assert all(abs(width / longest - int(number) / most) < 0.08 for number, width in rows)


def test_without_the_style_in_the_head_it_can_be_read_as_well(browser: Browser, documents: dict[str, str]) -> None:
    """Some programs read no style but that of the elements: nothing is hidden or cut off there, and values stay told apart."""
    html = re.sub(r"<style>.*?</style>", "", documents["busy_day"], flags=re.DOTALL)
    page = opened(browser, html, "light", 600)
    contrasts: list[tuple[float, str]] = page.evaluate(CONTRASTS)
    lines: list[str] = page.evaluate(
        """() => ["del", "ins"].map(tag => getComputedStyle(document.querySelector(tag)).textDecorationLine)"""
    )
    page.close()
    assert [text for contrast, text in contrasts if contrast < 4.5] == []
    assert lines == ["line-through", "underline"]


def test_the_dark_scheme_is_dark(browser: Browser, documents: dict[str, str]) -> None:
    page = opened(browser, documents["busy_day"], "dark", 600)
    colour: str = page.evaluate("() => getComputedStyle(document.querySelector('.card')).backgroundColor")
    page.close()
    assert colour == "rgb(21, 23, 28)"
