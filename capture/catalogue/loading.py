"""Reading a catalogue from TOML, and refusing a wrong one in a line that says where and what to write instead."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError
from pydantic import BaseModel, ValidationError

from capture.catalogue.model import Catalogue, Column, ConditionField, Documented, Order, Phrase, Table
from capture.entries.phrases import compile_condition, compile_text
from capture.errors import ConfigurationError

SHIPPED = "cloudfon_cx.toml"

_MODELS: dict[str, type[BaseModel]] = {
    "table": Table,
    "phrase": Phrase,
    "columns": Column,
    "settings": Column,
    "fields": ConditionField,
    "documented": Documented,
    "order": Order,
}


def load(path: Path) -> Catalogue:
    """Return the catalogue in the file `path`, or in all TOML files of the folder `path`, merged by name.

    Raises ConfigurationError where it cannot be read, is no TOML, or says what a catalogue cannot say.
    """
    sources = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not sources:
        raise ConfigurationError(f"{path} has no .toml file: put the catalogue there or name its file.")
    merged: dict[str, Any] = {}
    for source in sources:
        content = _read(source)
        _validate({"name": source.stem, **content}, source.name)
        _merge(merged, content)
    return _validate({"name": path.stem, **merged, "file": path.name}, path.name)


def load_shipped() -> Catalogue:
    """Return the catalogue of Cloudfon CX that comes with the program."""
    with as_file(files("capture") / "catalogues" / SHIPPED) as path:
        return load(path)


def from_json(text: str) -> Catalogue:
    """Return the catalogue that `installing` kept in the database as JSON. Raises ConfigurationError where it is no catalogue."""
    try:
        return Catalogue.model_validate_json(text)
    except ValidationError as error:
        raise ConfigurationError(
            "The catalogue kept in the database is not one that this version understands: run `whochanged install --catalog FILE`."
        ) from error


def _read(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"There is no catalogue {source}: check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{source} cannot be read ({error}): a catalogue is a TOML file in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source.name} is not TOML: {error}.") from error


def _merge(merged: dict[str, Any], content: dict[str, Any]) -> None:
    """Add one file to the rest: lists follow each other, tables of words are joined, the first value of a name stays."""
    for key, value in content.items():
        if isinstance(value, list):
            merged[key] = [*merged.get(key, []), *value]
        elif isinstance(value, dict):
            merged[key] = {**value, **merged.get(key, {})}
        else:
            merged.setdefault(key, value)


def _validate(content: dict[str, Any], file: str) -> Catalogue:
    try:
        catalogue = Catalogue.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, content, file)) from error
    names: dict[str, int] = {}
    for number, table in enumerate(catalogue.table, 1):
        if table.name in names:
            raise ConfigurationError(
                f"{file}, table {number}: {table.name} is described already by table {names[table.name]}; write both as one."
            )
        if table.name in catalogue.untracked:
            raise ConfigurationError(
                f"{file}, table {number}: {table.name} is described, and left out under untracked; take it out of one of them."
            )
        names[table.name] = number
        _compile(table, f"{file}, table {number} ({table.name})")
    return catalogue


def _compile(table: Table, place: str) -> None:
    """Compile every text and condition, so that a mistyped one is refused now and not when somebody reads the log."""
    texts = {f"phrase {number} ({phrase.kind}), text": phrase.text for number, phrase in enumerate(table.phrase, 1)}
    conditions = {f"phrase {n} ({p.kind}), when": p.when for n, p in enumerate(table.phrase, 1) if p.when}
    for group in ("columns", "settings"):
        for name, column in getattr(table, group).items():
            said = {key: getattr(column, key) for key in ("changed", "set", "cleared", "enabled", "disabled")}
            texts |= {f"{group}.{name}.{key}": text for key, text in said.items() if text}
    if table.item:
        texts["item"] = table.item
    if table.order and table.order.text:
        texts["order.text"] = table.order.text
    if table.configuration_when:
        conditions["configuration_when"] = table.configuration_when
    for compiler, group_of_texts in ((compile_text, texts), (compile_condition, conditions)):
        for key, text in group_of_texts.items():
            try:
                compiler(text)
            except TemplateSyntaxError as error:
                raise ConfigurationError(f"{place}, {key}: “{text}” is not Jinja2: {error.message}.") from error


def _explain(error: ValidationError, content: dict[str, Any], file: str) -> str:
    """Return the first mistake as one line: file, table, key, and what to write instead."""
    first = error.errors(include_url=False)[0]
    location = list(first["loc"])
    place = file
    if location[:1] == ["table"] and len(location) > 1 and isinstance(location[1], int):
        number = location[1]
        tables = content.get("table", [])
        name = tables[number].get("name") if isinstance(tables, list) and isinstance(tables[number], dict) else None
        place += f", table {number + 1}" + (f" ({name})" if name else "")
        location = location[2:]
    key = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in location)
    if first["type"] == "extra_forbidden":
        known = _known_keys(list(first["loc"]))
        close = get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(sorted(known))}."
        return f"{place}: {key} is no key of a catalogue. {hint}"
    if first["type"] == "missing":
        return f"{place}: {key} is missing; write one."
    if first["type"] == "string_pattern_mismatch":
        shape = "schema.table.column" if "lookup" in key else "schema.table"
        return f"{place}: {key} = {first['input']!r} must be written as {shape}."
    return f"{place}: {key} is wrong: {first['msg']}."


def _known_keys(location: list[str | int]) -> list[str]:
    """Return the keys that are known where the unknown one stands."""
    owner: type[BaseModel] = Catalogue
    for part in location[:-1]:
        if isinstance(part, str) and part in _MODELS:
            owner = _MODELS[part]
    return list(owner.model_fields)
