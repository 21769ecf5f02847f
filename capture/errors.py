"""What can go wrong, in one line each: the message says what to do next, and carries the exit code."""

from __future__ import annotations


class WhochangedError(Exception):
    """Something that a person can put right; the front door prints it without a traceback."""

    exit_code = 1


class UsageError(WhochangedError):
    """A command was called in a way that it does not understand."""

    exit_code = 2


class ConfigurationError(WhochangedError):
    """A setting, a catalogue or the installation is wrong."""

    exit_code = 3


class DatabaseError(WhochangedError):
    """The database cannot be reached, or refuses what was asked."""

    exit_code = 4


class MailError(WhochangedError):
    """The mail server cannot be reached, or refuses a message."""

    exit_code = 5
