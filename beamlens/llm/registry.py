"""The client registry: which models there are, which one is asked first, and how composites choose among them.

It has BeamLens' form, `{"primary": name, "clients": [{"name", "provider", "options", "retry_policy"}]}`, or a short
one.
`validate` runs in the application and imports no SDK; `build` runs in the gateway process, where the keys are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beamlens.errors import ConfigurationError
from beamlens.llm.model import Model
from beamlens.llm.providers.options import COMPOSITES, PROVIDERS, check_options, plain_data
from beamlens.llm.providers.presets import KEYLESS, OPENAI_PRESETS, SDK_PRESETS
from supervision import wire_value

__all__ = ["Client", "ClientRegistry", "build", "close", "key_variables", "validate"]

_RETRY_FIELDS = {"attempts", "waits", "longest", "jitter"}

# Anthropic's models are no guests at these two endpoints; the SDK's own classes speak to them there.
_CLAUDE_THROUGH = {"aws-bedrock": "anthropic-bedrock", "vertex-ai": "anthropic-vertex"}


@wire_value
@dataclass(frozen=True, slots=True)
class Client:
    """Name one model and say how to reach it.

    Args:
        name: by which requests and composites choose it.
        provider: one of `beamlens.llm.providers.options.PROVIDERS`.
        options: plain data; what a provider takes is in docs/providers.md. Never a key.
        retry_policy: `attempts`, `waits`, `longest`, `jitter`; None for the usual policy.
    """

    name: str
    provider: str
    options: dict[str, Any] = field(default_factory=dict)
    retry_policy: dict[str, Any] | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class ClientRegistry:
    """Hold checked clients; plain data that travels to the gateway."""

    primary: str
    clients: tuple[Client, ...]

    def client(self, name: str | None = None) -> Client:
        """Return a client by name; the primary one for None.

        Raises:
            ConfigurationError: there is none of that name; the text lists those there are.
        """
        wanted = self.primary if name is None else name
        for client in self.clients:
            if client.name == wanted:
                return client
        raise ConfigurationError(f"there is no client {wanted!r}; there are: {_listed(self)}")

    def model(self, name: str | None = None) -> str:
        """Return the name of the model that a client asks; a composite's first. Empty for `rules` and `scripted`."""
        client = self.client(name)
        if client.provider in COMPOSITES:
            return self.model(client.options["strategy"][0])
        return str(client.options.get("deployment_id") or client.options.get("model") or _default_model(client))


def validate(
    registry: Mapping[str, Any] | ClientRegistry | None = None,
    *,
    provider: str | None = None,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> ClientRegistry:
    """Check a registry, or make one of the short form. Any process; reads no key, imports no SDK.

    Args:
        registry: BeamLens' form; or None for the short form.
        provider: the one client's provider; None for `anthropic` where `ANTHROPIC_API_KEY` is set, else `rules`.
        model: the one client's model; None for the provider's default.
        options: further options of the one client.
        environ: where to look whether there is a key; None for this process' environment.

    Raises:
        ConfigurationError: what is wrong, and what is expected.
    """
    if isinstance(registry, ClientRegistry):
        registry = _as_mapping(registry)
    if registry is None:
        registry = _short_form(provider, model, options, os.environ if environ is None else environ)
    elif provider is not None or model is not None or options:
        raise ConfigurationError(
            "a client registry was given and provider, model or options beside it; give one of both"
        )
    return _checked(registry)


def key_variables(registry: ClientRegistry) -> tuple[str, ...]:
    """Return the names of the environment variables that the gateway needs and nobody else, sorted."""
    names: set[str] = set()
    for client in registry.clients:
        given = client.options.get("api_key_env")
        if client.provider in SDK_PRESETS:
            sdk = SDK_PRESETS[client.provider]
            names.update(sdk.secret_variables, [given or sdk.key_variable or ""])
        elif client.provider in OPENAI_PRESETS:
            names.add(given or OPENAI_PRESETS[client.provider].key_variable or "")
        if client.provider == "vertex-ai":
            names.add("GOOGLE_APPLICATION_CREDENTIALS")
    return tuple(sorted(names - {""}))


def build(registry: ClientRegistry, environ: Mapping[str, str] | None = None) -> dict[str, Model]:
    """Construct every client. Gateway process; imports what the clients need, which may take seconds: not in a loop.

    A client that cannot work here (no key, an extra not installed) is built all the same: asked, it answers with a
    ModelFailure that says why. So a `fallback` goes on to the next, and the gateway does not die of a missing key.

    Args:
        registry: from `validate`.
        environ: where the keys are; None for this process' environment.

    Returns:
        The models by the names of their clients; those of a composite are shared with it.
    """
    surroundings = dict(os.environ if environ is None else environ)
    built: dict[str, Model] = {}
    for client in registry.clients:
        _build_one(registry, client, surroundings, built)
    return built


async def close(models: Mapping[str, Model]) -> None:
    """Close the connections of all built models, in the event loop that used them. What fails to close is left."""
    for model in models.values():
        closing = getattr(model, "close", None)
        if closing is not None:
            await closing()


def _build_one(registry: ClientRegistry, client: Client, environ: dict[str, str], built: dict[str, Model]) -> Model:
    if client.name not in built:
        members = [
            (name, _build_one(registry, registry.client(name), environ, built))
            for name in client.options.get("strategy", ())
        ]
        built[client.name] = _construct(client, environ, members)
    return built[client.name]


def _construct(client: Client, environ: dict[str, str], members: list[tuple[str, Model]]) -> Model:
    from beamlens.llm.providers import fallback, round_robin, scripted, unusable

    if client.provider == "fallback":
        return fallback.Fallback(members)
    if client.provider == "round-robin":
        return round_robin.RoundRobin(members)
    if client.provider == "scripted":
        return scripted.Scripted(client.options["script"])
    if client.provider == "rules":
        from beamlens.llm.rules import RulesModel

        return RulesModel()
    return unusable.or_unusable(lambda: _network(client, environ))


def _network(client: Client, environ: dict[str, str]) -> Model:
    if client.provider in SDK_PRESETS:
        from beamlens.llm.providers.anthropic import AnthropicModel

        return AnthropicModel(client.provider, client.options, environ)
    from beamlens.llm.providers.openai_compatible import OpenAICompatible

    return OpenAICompatible(client.provider, client.options, environ)


# ---------------------------------------------------------------------------------------------- checking


def _short_form(
    provider: str | None, model: str | None, options: Mapping[str, Any] | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    if provider is None:
        provider = "anthropic" if model or options or environ.get("ANTHROPIC_API_KEY", "").strip() else "rules"
    given = {**(options or {}), **({} if model is None else {"model": model})}
    return {"primary": provider, "clients": [{"name": provider, "provider": provider, "options": given}]}


def _as_mapping(registry: ClientRegistry) -> dict[str, Any]:
    clients = [
        {"name": it.name, "provider": it.provider, "options": it.options, "retry_policy": it.retry_policy}
        for it in registry.clients
    ]
    return {"primary": registry.primary, "clients": clients}


def _checked(registry: Any) -> ClientRegistry:
    _keys("a client registry", registry, {"clients"}, {"primary"})
    given = registry["clients"]
    if not isinstance(given, list | tuple) or not given:
        raise ConfigurationError("the registry's 'clients' are not a list with at least one client")
    clients = tuple(_client(each) for each in given)
    names = [client.name for client in clients]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two clients are named {name!r}; each needs a name of its own")
    checked = ClientRegistry(registry.get("primary") or names[0], clients)
    if checked.primary not in names:
        raise ConfigurationError(f"the primary client {checked.primary!r} is not among the clients: {_listed(checked)}")
    for client in clients:
        _check_members(checked, client, ())
    return checked


def _client(given: Any) -> Client:
    _keys("a client", given, {"name", "provider"}, {"options", "retry_policy"})
    name, provider, options = given["name"], given["provider"], given.get("options") or {}
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"a client's name is {name!r}; a text that is not empty is expected")
    if not isinstance(provider, str):
        raise ConfigurationError(f"the provider of client {name!r} is {provider!r}; a text is expected")
    provider = provider.replace("_", "-")
    if provider not in PROVIDERS:
        raise ConfigurationError(f"client {name!r} has the provider {provider!r}; known are: {', '.join(PROVIDERS)}")
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"the options of client {name!r} are of the type {type(options).__name__}, no mapping")
    if "claude" in str(options.get("model", "")):
        provider = _CLAUDE_THROUGH.get(provider, provider)
    check_options(name, provider, options)
    return Client(
        name, provider, plain_data(f"client {name!r}: options", options), _retry_policy(name, given.get("retry_policy"))
    )


def _retry_policy(name: str, given: Any) -> dict[str, Any] | None:
    if given is None or given == "DefaultRetry":  # the name of BeamLens' only policy
        return None
    if not isinstance(given, Mapping) or not set(given) <= _RETRY_FIELDS:
        listed = ", ".join(sorted(_RETRY_FIELDS))
        raise ConfigurationError(
            f"the retry_policy of client {name!r} is {given!r}; a mapping with {listed} is expected"
        )
    policy = dict(given)
    attempts = policy.get("attempts", 1)
    waits = policy.get("waits", ())
    numbers = [
        *(waits if isinstance(waits, list | tuple) else [waits]),
        policy.get("longest", 0),
        policy.get("jitter", 0),
    ]
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise ConfigurationError(f"retry_policy.attempts of client {name!r} is {attempts!r}; at least 1 is expected")
    if not isinstance(waits, list | tuple) or not all(_is_seconds(number) for number in numbers):
        raise ConfigurationError(f"the waits of client {name!r}'s retry_policy are {waits!r}; seconds are expected")
    return policy


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _check_members(registry: ClientRegistry, client: Client, path: tuple[str, ...]) -> None:
    if client.name in path:
        circle = " -> ".join([*path[path.index(client.name) :], client.name])
        raise ConfigurationError(f"clients go round in a circle: {circle}; a composite must end in providers")
    for member in client.options.get("strategy", ()):
        try:
            found = registry.client(member)
        except ConfigurationError as error:
            raise ConfigurationError(f"the strategy of client {client.name!r}: {error}") from None
        _check_members(registry, found, (*path, client.name))


def _keys(what: str, given: Any, needed: set[str], optional: set[str]) -> None:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{what} is of the type {type(given).__name__}; a mapping is expected")
    missing = needed - set(given)
    if missing:
        raise ConfigurationError(f"{what} has no {', '.join(sorted(missing))}")
    unknown = set(given) - needed - optional
    if unknown:
        known = ", ".join(sorted(needed | optional))
        raise ConfigurationError(f"{what} has {', '.join(sorted(map(str, unknown)))}; known are: {known}")


def _default_model(client: Client) -> str:
    if client.provider in KEYLESS:
        return ""
    if client.provider in SDK_PRESETS:
        return SDK_PRESETS[client.provider].default_model or ""
    return OPENAI_PRESETS[client.provider].default_model or ""


def _listed(registry: ClientRegistry) -> str:
    return ", ".join(client.name for client in registry.clients)
