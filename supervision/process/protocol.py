"""The kinds of frames between the application and its children. Each is a list; the first item is the kind."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASK",
    "ASK_FOR",
    "CANCEL",
    "ERROR",
    "EVENT",
    "EXIT",
    "GOODBYE",
    "INTERESTS",
    "INTROSPECT",
    "LOG",
    "NODE",
    "PROMOTE",
    "READY",
    "REPLY",
    "REPLY_FOR",
    "START_FAILED",
    "STARTED",
    "STOP",
    "TELL",
    "TELLS",
    "TELL_FOR",
    "UNREADABLE",
    "WAITING",
]

# either way
ASK: Final = 1  # [ASK, id, message]
TELL: Final = 2  # [TELL, message]
REPLY: Final = 3  # [REPLY, id, value]
ERROR: Final = 4  # [ERROR, id, exception]
# through the application: bodies stay packed, so that nothing is decoded on the way
ASK_FOR: Final = 5  # child: [ASK_FOR, id, address, blocking, body]; application: [ASK_FOR, id, body]
TELL_FOR: Final = 6  # child: [TELL_FOR, address, body]; application: [TELL_FOR, body]
REPLY_FOR: Final = 7  # [REPLY_FOR, id, ok, body]
CANCEL: Final = 8  # child: [CANCEL, id]: it waits no longer
WAITING: Final = 9  # child: [WAITING, id, whether]: its actor now blocks on this ask, or no more
NODE: Final = 10  # child: [NODE, id, operation, arguments]: asks the application itself
# application to child
TELLS: Final = 19  # [TELLS, message, ...]: as many TELLs, one after the other
PROMOTE: Final = 20  # [PROMOTE, {...}]: a spare becomes an actor
STOP: Final = 21  # [STOP, id or 0, reason kind]: the actor ends after the messages before
EXIT: Final = 22  # [EXIT, address, reason]: a linked actor ended
INTROSPECT: Final = 23  # [INTROSPECT, id]
INTERESTS: Final = 24  # [INTERESTS, event names]
UNREADABLE: Final = 25  # never sent: [UNREADABLE, id or None, why] stands for a message that cannot be unpacked
# child to application
READY: Final = 40  # [READY]: a spare waits
STARTED: Final = 41  # [STARTED, attributes]
START_FAILED: Final = 42  # [START_FAILED, "error" | "ignore", exception]
GOODBYE: Final = 43  # [GOODBYE, kind, detail, text]
EVENT: Final = 44  # [EVENT, name, measurements, metadata]
LOG: Final = 45  # [LOG, fields]
