"""The limit of open files, looked at before it is hit."""

from __future__ import annotations

import os

from supervision.errors import StartError

__all__ = ["DESCRIPTORS_PER_CHILD", "check_descriptors"]

DESCRIPTORS_PER_CHILD = 2  # its socket and its pidfd
_RESERVE = 32  # for the program itself, the spares, and what a start needs for a moment


def check_descriptors(children: int) -> None:
    """Refuse to start more children than the limit of open files has room for.

    Args:
        children: how many processes are to be started.

    Raises:
        StartError: there would not be enough; the text says how many are needed and how to get them.
    """
    try:
        import resource  # not everywhere

        limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = len(os.listdir("/proc/self/fd"))
    except (ImportError, OSError):
        return
    needed = held + children * DESCRIPTORS_PER_CHILD + _RESERVE
    if limit != resource.RLIM_INFINITY and needed > limit:
        raise StartError(
            ("too_few_descriptors", {"needed": needed, "limit": limit}),
            f"{children} children need {children * DESCRIPTORS_PER_CHILD} descriptors, {needed} in all with those "
            f"that are open; the limit is {limit} (at most {hard} can be set): raise it before the start, "
            f"with `ulimit -n {needed}` or resource.setrlimit(resource.RLIMIT_NOFILE, ({needed}, {max(hard, needed)}))",
        )
