"""Catalogues that load, and the one line that refuses the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.catalogue import load, load_shipped
from capture.catalogue.loading import from_json
from capture.errors import ConfigurationError

GOOD = '[[table]]\nname = "shop.prices"\nmodule = "Prices"\nentity = "price"\n'


def write(folder: Path, text: str, name: str = "shop.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_shipped_catalogue_survives_being_kept_as_json() -> None:
    shipped = load_shipped()
    assert from_json(shipped.model_dump_json(exclude_defaults=True)) == shipped


def test_a_folder_is_one_catalogue(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.toml")
    write(tmp_path, 'name = "Shop"\n' + GOOD.replace("prices", "taxes"), "b.toml")
    catalogue = load(tmp_path)
    assert catalogue.name == "Shop"
    assert [table.name for table in catalogue.table] == ["shop.prices", "shop.taxes"]


@pytest.mark.parametrize(
    "text, message",
    [
        (
            GOOD + 'lable = "name"\n',
            "shop.toml, table 1 (shop.prices): lable is no key of a catalogue. Did you mean label?",
        ),
        (
            GOOD + '[[table.phrase]]\nkind = "x"\ntxt = "y"\n',
            "shop.toml, table 1 (shop.prices): phrase.1.text is missing; write one.",
        ),
        (
            '[[table]]\nname = "prices"\nentity = "price"\n',
            "shop.toml, table 1 (prices): name = 'prices' must be written as schema.table.",
        ),
        (GOOD + 'lookups = { tax_id = "taxes" }\n', "must be written as schema.table.column."),
        (GOOD + '[[table.phrase]]\nkind = "x"\ntext = "{{ y"\n', "phrase 1 (x), text: “{{ y” is not Jinja2:"),
        (GOOD + 'configuration_when = "amount >"\n', "configuration_when: “amount >” is not Jinja2:"),
        (GOOD + GOOD, "shop.toml, table 2: shop.prices is described already by table 1; write both as one."),
        ("[[table]\n", "shop.toml is not TOML:"),
    ],
)
def test_a_wrong_catalogue_is_refused_in_one_line_that_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(write(tmp_path, text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 3


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no catalogue .*shop\.toml"):
        load(tmp_path / "shop.toml")
    with pytest.raises(ConfigurationError, match=r"has no \.toml file"):
        load(tmp_path)
