"""Draw the pictures of the README from the log of the demo: `whochanged demo`, then `python docs/images/draw.py`."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from whochanged.commands.common import installed
from whochanged.commands.reading import catalogue_of, filters
from whochanged.output.terminal import print_log
from whochanged.output.times import zone

HERE = Path(__file__).parent
DARK = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (36, 41, 47),
        (207, 34, 46),
        (17, 99, 41),
        (77, 45, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (110, 119, 129),
    ],
)
WIDTHS = {"log": 110, "log-narrow": 60}
ENTRIES = {"log": 12, "log-narrow": 7}
SHOWN = {
    "plan.downgraded",
    "workflow.deleted",
    "dnd_email_block.disabled",
    "workflow.disabled",
    "workflow.condition_updated",
    "workflow.created",
    "sequence.run_time_updated",
    "rule.created",
    "rule.filter_match_updated",
    "territory.position_updated",
    "territory.name_updated",
    "plan.subscribed",
}


def main() -> None:
    """Draw the log wide and narrow, for dark and for light pages."""
    reading_zone = zone("Europe/Berlin")
    with installed(None) as connection:
        from capture.entries.describe import entries

        catalogue = catalogue_of(connection, None)
        found = list(entries(connection, catalogue, filters(zone=reading_zone, limit=1000)))
    shown = [entry for entry in found if SHOWN & set(entry.kinds)]
    for name, width in WIDTHS.items():
        for suffix, theme in (("dark", DARK), ("light", LIGHT)):
            console = Console(
                record=True,
                width=width,
                file=io.StringIO(),
                force_terminal=True,
                color_system="truecolor",
                highlight=False,
                markup=False,
                emoji=False,
            )
            print_log(console, shown[: ENTRIES[name]], reading_zone)
            svg = console.export_svg(title="whochanged log", theme=theme, unique_id=f"whochanged-{name}-{suffix}")
            (HERE / f"{name}-{suffix}.svg").write_text(_without_web_fonts(svg), encoding="utf-8")


def _without_web_fonts(svg: str) -> str:
    """Leave out the fonts that rich names from the web: a picture must not load anything."""
    while "@font-face" in svg:
        start = svg.index("@font-face")
        svg = svg[:start].rstrip() + svg[svg.index("}", start) + 1 :]
    return svg.replace("font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace")


if __name__ == "__main__":
    main()
