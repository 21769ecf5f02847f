"""Secrets in files: `NAME_FILE` names the file that holds what `NAME` would, as systemd, Docker and Kubernetes hand secrets over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from capture.errors import ConfigurationError

SUFFIX = "_FILE"
_LONGEST = 65_536


def secret(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the secret of the variable *name*, or what stands in the file of `NAME_FILE`; None where neither is set.

    A line break at the file's end is not part of it. Raises ConfigurationError, which repeats nothing of the secret, where
    both are set, and for a file that cannot be read, is empty, or is no text.
    """
    environment = os.environ if environment is None else environment
    value, file = environment.get(name), environment.get(name + SUFFIX)
    if not file:
        return value or None
    if value:
        raise ConfigurationError(f"both {name} and {name}{SUFFIX} are set: keep one of them")
    try:
        with Path(file).expanduser().open("rb") as stream:
            raw = stream.read(_LONGEST + 1)
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{name}{SUFFIX} names {file}, which cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}{SUFFIX} names {file}, which is no text in UTF-8") from None
    if not text or len(raw) > _LONGEST or len(text.splitlines()) != 1:
        raise ConfigurationError(
            f"{name}{SUFFIX} names {file}, which must hold the secret in one line and nothing else"
        )
    return text


class SecretFiles(PydanticBaseSettingsSource):
    """Reads each secret setting from the file that its variable with `_FILE` names."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str) -> None:
        super().__init__(settings_cls)
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the secret of a field, None for one that is no secret or has no file."""
        name = self._prefix + field_name.upper()
        if not is_secret(field) or not os.environ.get(name + SUFFIX):
            return None, field_name, False
        return secret(name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all secrets that stand in files."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def is_secret(field: FieldInfo) -> bool:
    """Return whether a setting is a secret."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)
