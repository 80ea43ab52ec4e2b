"""Which options a client may have, checked in the application without importing any SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from beamlens.errors import ConfigurationError
from beamlens.llm.providers.presets import OPENAI_PRESETS, SDK_PRESETS, ChoiceMode
from beamlens.llm.providers.script import check_script

__all__ = ["COMPOSITES", "PROVIDERS", "body_extras", "check_options", "known_options", "plain_data"]

COMPOSITES = ("fallback", "round-robin")
PROVIDERS: tuple[str, ...] = ("anthropic", "rules", "scripted", *list(SDK_PRESETS)[1:], *OPENAI_PRESETS, *COMPOSITES)

_SAMPLING = ("temperature", "top_p")
_NETWORK = (
    "api_key_env",
    "base_url",
    "extra_body",
    "headers",
    "max_tokens",
    "model",
    "query_params",
    "strict",
    *_SAMPLING,
)
_SDK = ("caching",)
_OPENAI = ("key_header", "mode")

_KEYS_ARE_REFUSED = (
    "Keys come from the environment of the gateway alone: leave it out, set the environment variable, "
    "and name it with `api_key_env` where it is not the provider's usual one"
)
_SECRET_WORDS = ("apikey", "accesskey", "secret", "token", "password", "authorization", "credential", "signature")
_NO_SECRETS = ("api_key_env", "max_tokens")


def known_options(provider: str) -> tuple[str, ...]:
    """Return the names of the options that clients of a provider may have."""
    if provider in COMPOSITES:
        return ("strategy",)
    if provider == "scripted":
        return ("script",)
    if provider in SDK_PRESETS:
        return tuple(sorted({*_NETWORK, *_SDK, *(name for name, _ in SDK_PRESETS[provider].options)}))
    if provider in OPENAI_PRESETS:
        return tuple(sorted({*_NETWORK, *_OPENAI, *OPENAI_PRESETS[provider].options}))
    return ()


def check_options(name: str, provider: str, options: Mapping[str, Any]) -> None:
    """Check the options of one client.

    Args:
        name: the client's, for the text of errors.
        provider: one of `PROVIDERS`.
        options: as the user gave them.

    Raises:
        ConfigurationError: a key inline, an unknown option, a value of the wrong kind, or one that is missing.
    """
    where = f"client {name!r} ({provider})"
    for option in options:
        _refuse_secret(where, str(option))
    known = known_options(provider)
    for option, value in options.items():
        if option not in known:
            listed = ", ".join(known) or "none"
            raise ConfigurationError(f"{where} has an option {option!r}; known options are: {listed}")
        _CHECKS.get(option, _text)(f"{where}: {option}", value)
    _check_address(where, provider, options)


def body_extras(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client adds to the body of each request: its sampling options and `extra_body`."""
    return {**{name: options[name] for name in _SAMPLING if name in options}, **options.get("extra_body", {})}


def plain_data(where: str, value: Any) -> Any:
    """Return a copy made of dicts, lists, texts, numbers, booleans and None, as it can travel to the gateway.

    Raises:
        ConfigurationError: there is something else in it.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_data(f"{where}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(f"{where}[{place}]", inner) for place, inner in enumerate(value)]
    raise ConfigurationError(f"{where} is of the type {type(value).__name__}; plain data is expected, as in JSON")


def _refuse_secret(where: str, name: str) -> None:
    plain = name.lower().replace("-", "").replace("_", "")
    if name not in _NO_SECRETS and (any(word in plain for word in _SECRET_WORDS) or plain == "key"):
        raise ConfigurationError(f"{where} has {name!r} inline. {_KEYS_ARE_REFUSED}")


def _text(where: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{where} is {_kind(value)}; a text that is not empty is expected")


def _flag(where: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where} is {_kind(value)}; True or False is expected")


def _positive(where: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{where} is {value!r}; a whole number above 0 is expected")


def _number(where: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ConfigurationError(f"{where} is {value!r}; a number is expected")


def _texts(where: str, value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise ConfigurationError(f"{where} is {_kind(value)}; a mapping of texts to texts is expected")
    for name in value:
        _refuse_secret(where, name)


def _mapping(where: str, value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(f"{where} is {_kind(value)}; a mapping with texts as keys is expected")


def _variable(where: str, value: Any) -> None:
    _text(where, value)
    if not value.replace("_", "").isalnum() or value[0].isdigit() or not value.isascii():
        # The value is not shown: it may be the key itself, put here by mistake.
        raise ConfigurationError(f"{where} is not the name of an environment variable, such as 'ANTHROPIC_API_KEY'")


def _url(where: str, value: Any) -> None:
    _text(where, value)
    parts = urlsplit(value)
    if "@" in parts.netloc:
        raise ConfigurationError(f"{where} carries a user or password. {_KEYS_ARE_REFUSED}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{where} is {value!r}; an address such as 'http://localhost:11434/v1' is expected")


def _mode(where: str, value: Any) -> None:
    if value not in get_args(ChoiceMode):
        raise ConfigurationError(f"{where} is {value!r}; one of {', '.join(get_args(ChoiceMode))} is expected")


def _strategy(where: str, value: Any) -> None:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
        raise ConfigurationError(f"{where} is {_kind(value)}; a list of names of clients is expected, at least one")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "api_key_env": _variable,
    "base_url": _url,
    "caching": _flag,
    "extra_body": _mapping,
    "headers": _texts,
    "max_tokens": _positive,
    "mode": _mode,
    "query_params": _texts,
    "script": check_script,
    "strategy": _strategy,
    "strict": _flag,
    "temperature": _number,
    "top_p": _number,
}


def _check_address(where: str, provider: str, options: Mapping[str, Any]) -> None:
    preset = OPENAI_PRESETS.get(provider)
    if preset is None:
        if provider == "scripted" and "script" not in options:
            raise ConfigurationError(f"{where} needs the option 'script': the steps, a list or a mapping by caller")
        if provider in COMPOSITES and "strategy" not in options:
            raise ConfigurationError(f"{where} needs the option 'strategy': a list of names of clients")
        return
    for needed in _needed(provider, options):
        if needed not in options:
            raise ConfigurationError(f"{where} needs the option {needed!r}")


def _needed(provider: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    preset = OPENAI_PRESETS[provider]
    model = () if preset.default_model or "deployment_id" in options else ("model",)
    if "base_url" in options:
        return model
    places = ("resource_name",) if provider == "azure-openai" else preset.options
    return ("base_url", *model) if preset.base_url is None else (*places, *model)


def _kind(value: Any) -> str:
    return f"of the type {type(value).__name__}" if not isinstance(value, str) else "an empty text"
