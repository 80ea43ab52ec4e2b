"""Keys never leave the gateway in words: texts of errors and log records are searched for them first."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

__all__ = ["Secrets"]

_SHORTEST: Final = 6  # what is shorter is found in innocent words, too
_HIDDEN: Final = "[key]"


class Secrets:
    """Hide known values in texts, also as base64 and as parts of URLs. Any thread; its `repr` shows none.

    Args:
        values: the keys.
    """

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._forms)} forms>"

    def hide(self, text: str) -> str:
        """Return the text without keys."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text

    def guard_logs(self) -> None:
        """Hide keys in all log records of this process from now on, those of libraries at any level as well."""
        make = logging.getLogRecordFactory()

        def make_safe(*args: Any, **kwargs: Any) -> logging.LogRecord:
            return self._safe(make(*args, **kwargs))

        logging.setLogRecordFactory(make_safe)

    def _safe(self, record: logging.LogRecord) -> logging.LogRecord:
        try:
            text = record.getMessage()
            trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        except Exception as error:  # its arguments do not fit its text, and may be what must not be told
            record.msg, record.args = f"a record of {record.name} could not be made: {type(error).__name__}", ()
            record.exc_info = record.exc_text = None
            return record
        if self.hide(text) != text:
            record.msg, record.args = self.hide(text), ()
        if self.hide(trace) != trace:
            record.exc_info, record.exc_text = None, self.hide(trace).rstrip()
        return record


def _forms(value: str) -> Iterable[str]:
    raw = value.encode("utf-8", "replace")
    yield value
    yield quote(value, safe="")
    for shift in range(3):  # base64 looks different at each of three places in what is encoded
        encoded = base64.b64encode(bytes(shift) + raw).decode()
        inner = encoded[(0, 2, 3)[shift] : len(encoded.rstrip("=")) - (1 if encoded.endswith("=") else 0)]
        if len(inner) >= _SHORTEST:
            yield inner
