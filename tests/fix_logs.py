"""Loggers that any command of a test may set up."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from whochanged.logs import LOGGERS


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Give the loggers back as they were, lest a command write to the closed stream of an earlier test."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers, logger.propagate = handlers, propagate
