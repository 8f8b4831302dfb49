"""Errors that are the user's to mend, and how a command line shows them."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches

# Where a traceback, having shown the code, names what was raised.
_RAISED = re.compile(r"^[\w.]+(?:Error|Exception): ", re.MULTILINE)


class UserError(Exception):
    """Something the user gave is wrong: the message names it and says what to do."""


class ConfigError(UserError):
    """A config key, tap, loss or method that does not exist or does not fit."""


class DataError(UserError):
    """A data folder, image or label that is missing or malformed."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or of another architecture."""


def did_you_mean(name: str, known: Iterable[str], count: int = 3) -> str:
    """``"; did you mean 'a' or 'b'?"`` for the names closest to ``name``, or an empty string."""
    matches = get_close_matches(name, list(known), n=count, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""


def exit_on_user_error(main: Callable[..., int | None]) -> Callable[..., int]:
    """Make a command line print a `UserError` as one message and return exit status 2.

    An error raised in a data loader's worker arrives with the worker's traceback in front of it; only the
    message itself is shown.
    """

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except UserError as error:
            if os.environ.get("DISTILL_TRACEBACK"):
                raise
            message = str(error).strip()
            if "Original Traceback" in message:
                message = _RAISED.split(message)[-1]
            print(f"error: {message}", file=sys.stderr)
            return 2

    return wrapped
