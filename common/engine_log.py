"""What the engine says in a terminal: no pages of settings, and none of what a user can do nothing about."""

from __future__ import annotations

import logging

from mmengine.logging import MMLogger

# Words of lines that are no news: about the engine's own code, or said of every run.
NO_NEWS = (
    "all SyncBatchNorm (SyncBN) layers",
    "The prefix is not set in metric class",
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias of',
    "per class results:",  # over a table, which is a page
)
PAGE = 3  # lines


def is_news(record: logging.LogRecord) -> bool:
    """Whether a message is for the terminal: short, and none of `NO_NEWS`."""
    message = record.getMessage()
    return message.count("\n") < PAGE and not any(words in message for words in NO_NEWS)


def concise(logger: logging.Logger | None = None) -> None:
    """Show no more than `is_news` in the terminal; log files are left as they are.

    Args:
        logger: of a run; None is the one that the engine uses outside of runs.
    """
    for handler in (logger or MMLogger.get_current_instance()).handlers:
        if type(handler) is logging.StreamHandler and is_news not in handler.filters:
            handler.addFilter(is_news)
