"""What tests of skills, operators and their models need; nothing here talks to anybody outside this machine.

Names are imported when they are first used.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from beamlens.testing.operators import OperatorHarness as OperatorHarness
    from beamlens.testing.skills import SkillHarness as SkillHarness
    from beamlens.testing.stub_anthropic import StubAnthropic as StubAnthropic
    from beamlens.testing.stub_anthropic import error_answer as error_answer
    from beamlens.testing.stub_anthropic import message as message
    from beamlens.testing.stub_anthropic import text_message as text_message
    from beamlens.testing.stub_anthropic import tool_message as tool_message
    from beamlens.testing.stub_openai import StubOpenAI as StubOpenAI
    from beamlens.testing.stub_openai import openai_error as openai_error
    from beamlens.testing.stub_openai import text_completion as text_completion
    from beamlens.testing.stub_openai import tool_completion as tool_completion
    from beamlens.testing.stub_server import Answer as Answer
    from beamlens.testing.stub_server import StubRequest as StubRequest
    from beamlens.testing.stub_server import retry_headers as retry_headers

_HOMES = {
    "beamlens.testing.operators": ["OperatorHarness"],
    "beamlens.testing.skills": ["SkillHarness"],
    "beamlens.testing.stub_anthropic": ["StubAnthropic", "error_answer", "message", "text_message", "tool_message"],
    "beamlens.testing.stub_openai": ["StubOpenAI", "openai_error", "text_completion", "tool_completion"],
    "beamlens.testing.stub_server": ["Answer", "StubRequest", "retry_headers"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'beamlens.testing' has no attribute {name!r}")
    found = getattr(_importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOME_OF])
