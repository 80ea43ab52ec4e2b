"""What can go wrong, as one tree; the type says whose fault it was.

BeamlensError
├── ConfigurationError (ValueError)   the caller's: an option, a skill or a client registry is not right
├── UnknownOperator (LookupError)     the caller's: there is no operator of that name
├── RunError                          a run ended without an answer
│   ├── RunCancelled                  somebody cancelled it
│   ├── DeadlineExceeded (TimeoutError)
│   └── ModelFailed                   the model could not be reached, or talked nonsense to the end
├── SkillError                        a skill raised, hung, or gave what cannot be sent; `kind` says which
└── ModelError                        one call of a model failed; `failure` says how and whether to try again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beamlens.llm.model import ModelFailure

__all__ = [
    "BeamlensError",
    "ConfigurationError",
    "DeadlineExceeded",
    "ModelError",
    "ModelFailed",
    "RunCancelled",
    "RunError",
    "SkillError",
    "UnknownOperator",
]


class BeamlensError(Exception):
    """The root of what this package raises."""


class ConfigurationError(BeamlensError, ValueError):
    """An option, a skill or a client registry is not right; the text says what is expected."""


class UnknownOperator(BeamlensError, LookupError):
    """There is no operator of that name; the text lists those there are."""


class RunError(BeamlensError):
    """A run ended without an answer."""


class RunCancelled(RunError):
    """The run was cancelled."""


class DeadlineExceeded(RunError, TimeoutError):
    """The run took longer than it was given."""


class ModelFailed(RunError):
    """The model could not be reached, or what it said could not be used, to the last attempt."""


class SkillError(BeamlensError):
    """A call of a skill gave no usable result.

    Args:
        kind: `raised`, `timeout`, `busy`, `unserializable`, `too_large`, `unknown_callback`, `bad_arguments`,
            `refused` or `gone` (the probe or its process).
        text: a sentence that a model and a person can act on.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class ModelError(BeamlensError):
    """One call of a model failed.

    Args:
        failure: what happened, as a value that crosses processes.
    """

    def __init__(self, failure: ModelFailure) -> None:
        super().__init__(failure.text)
        self.failure = failure
