"""The client registry: its forms, what it refuses, and what it builds."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import MappingProxyType
from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.llm.model import ModelReply
from beamlens.llm.providers.fallback import Fallback
from beamlens.llm.providers.options import PROVIDERS, known_options
from beamlens.llm.registry import Client, ClientRegistry, build, key_variables, validate
from supervision.process.wire import Codec
from tests.beamlens.llm.providers.asking import ask, failure, request


def one(provider: str, **options: Any) -> dict[str, Any]:
    return {"primary": "it", "clients": [{"name": "it", "provider": provider, "options": options}]}


def test_without_anything_rules_answer_and_with_a_key_anthropic_does() -> None:
    assert validate(environ={}).client().provider == "rules"
    assert validate(environ={"ANTHROPIC_API_KEY": "  "}).client().provider == "rules"
    with_key = validate(environ={"ANTHROPIC_API_KEY": "k"})
    assert with_key.client().provider == "anthropic"
    assert with_key.model() == "claude-haiku-5-5"
    assert validate(model="claude-sonnet-5-5", environ={}).client() == Client(
        "anthropic", "anthropic", {"model": "claude-sonnet-5-5"}
    )


def test_the_default_model_is_one_that_the_sdk_knows() -> None:
    from typing import get_args

    from anthropic.types import Model as Names

    from beamlens.llm.providers.presets import DEFAULT_MODEL

    literals = {name for part in get_args(Names) for name in get_args(part)}
    assert DEFAULT_MODEL in literals


def test_beamlens_own_form_is_taken_as_it_is() -> None:
    registry = validate(
        {
            "primary": "Main",
            "clients": [
                {"name": "Main", "provider": "fallback", "options": {"strategy": ["Haiku", "Local"]}},
                {"name": "Haiku", "provider": "anthropic", "options": {"model": "m"}, "retry_policy": "DefaultRetry"},
                {"name": "Local", "provider": "openai-generic", "options": {"model": "q", "base_url": "http://x/v1"}},
            ],
        }
    )
    assert registry.primary == "Main"
    assert registry.model() == "m"
    assert key_variables(registry) == ("ANTHROPIC_API_KEY",)
    assert validate(registry) == registry


@pytest.mark.parametrize("registry", [one("anthropic", model="m", headers={"a": "b"}), one("rules")])
def test_a_checked_registry_crosses_processes(registry: dict[str, Any]) -> None:
    checked = validate(registry)
    codec = Codec()
    assert codec.decode(codec.encode(checked)) == checked


@pytest.mark.parametrize(
    ("registry", "says"),
    [
        ({"primary": "x"}, "has no clients"),
        ({"clients": []}, "at least one client"),
        ([], "a mapping is expected"),
        ({**one("rules"), "more": 1}, "known are: clients, primary"),
        ({**one("rules"), "primary": "other"}, "primary client 'other' is not among the clients: it"),
        (one("opnai"), "known are: anthropic, rules, scripted"),
        (one("anthropic", modell="m"), "known options are: api_key_env, base_url"),
        (one("anthropic", model=""), "a text that is not empty"),
        (one("anthropic", base_url="localhost:1"), "an address such as"),
        (one("anthropic", max_tokens=0), "a whole number above 0"),
        (one("openai", mode="magic"), "tools, json_schema, prompt"),
        (one("openai-generic", base_url="http://x"), "needs the option 'model'"),
        (one("openai-generic", model="m"), "needs the option 'base_url'"),
        (one("azure-openai"), "needs the option 'resource_name'"),
        (one("vertex-ai", project_id="p"), "needs the option 'location'"),
        (one("aws-bedrock"), "needs the option 'region'"),
        (one("scripted"), "needs the option 'script'"),
        (one("scripted", script=[{"tol": "x"}]), "step 1: a step has tol; known are"),
        (one("scripted", script=[["done"], {"failure": "oops"}]), "step 2: a step's failure is 'oops'"),
        (one("fallback"), "needs the option 'strategy'"),
        (one("fallback", strategy=["nobody"]), "there is no client 'nobody'"),
        (one("fallback", strategy=["it"]), "circle: it -> it"),
        (one("rules", model="m"), "known options are: none"),
        ({"clients": [{"name": "a", "provider": "rules"}] * 2}, "two clients are named 'a'"),
        ({"clients": [{"name": "a", "provider": "rules", "retry_policy": {"tries": 3}}]}, "attempts, jitter, longest"),
        ({"clients": [{"name": "a", "provider": "rules", "retry_policy": {"attempts": 0}}]}, "at least 1"),
        ({"clients": [{"name": "a", "provider": "rules", "retry_policy": {"waits": [-1]}}]}, "seconds are expected"),
    ],
)
def test_what_is_not_right_is_refused_with_what_is_expected(registry: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(registry)
    assert says in str(caught.value)


def test_a_circle_among_composites_is_refused() -> None:
    clients = [
        {"name": "a", "provider": "fallback", "options": {"strategy": ["r", "b"]}},
        {"name": "b", "provider": "round_robin", "options": {"strategy": ["a"]}},
        {"name": "r", "provider": "rules"},
    ]
    with pytest.raises(ConfigurationError, match="a -> b -> a"):
        validate({"clients": clients})


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": "sk-inline"},
        {"aws_secret_key": "sk-inline"},
        {"access_token": "sk-inline"},
        {"headers": {"Authorization": "Bearer sk-inline"}},
        {"headers": {"X-Api-Key": "sk-inline"}},
        {"query_params": {"key": "sk-inline"}},
        {"base_url": "https://user:sk-inline@example.org"},
        {"api_key_env": "sk-inline"},
    ],
)
def test_a_key_inline_is_refused_and_not_repeated(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(one("anthropic", **options))
    assert "environment" in str(caught.value)
    assert "sk-inline" not in str(caught.value)


def test_options_are_copied_as_plain_data() -> None:
    given = MappingProxyType({"extra_body": MappingProxyType({"a": (1, 2)})})
    assert validate(one("openai", **given)).client().options == {"extra_body": {"a": [1, 2]}}
    with pytest.raises(ConfigurationError, match="plain data"):
        validate(one("openai", extra_body={"a": object()}))


def test_a_registry_and_a_short_form_together_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="one of both"):
        validate(one("rules"), provider="anthropic")


def test_claude_at_bedrock_and_vertex_goes_through_the_sdk() -> None:
    bedrock = validate(one("aws-bedrock", model="anthropic.claude-haiku-4-5-20251001-v1:0", region="eu-west-1"))
    assert bedrock.client().provider == "anthropic-bedrock"
    vertex = validate(one("vertex-ai", model="claude-haiku-4-5", location="global", project_id="p"))
    assert vertex.client().provider == "anthropic-vertex"
    assert validate(one("aws-bedrock", region="eu-west-1")).client().provider == "aws-bedrock"


def test_key_variables_are_those_of_all_clients() -> None:
    clients = [
        {"name": "a", "provider": "openai", "options": {"api_key_env": "TEAM_KEY"}},
        {"name": "b", "provider": "anthropic-bedrock", "options": {"region": "eu-west-1"}},
        {"name": "c", "provider": "ollama"},
        {"name": "d", "provider": "rules"},
    ]
    assert key_variables(validate({"clients": clients})) == (
        "AWS_ACCESS_KEY_ID",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "TEAM_KEY",
    )


def test_a_missing_key_fails_the_calls_and_not_the_gateway() -> None:
    for provider in ("anthropic", "openai", "anthropic-foundry"):
        registry = validate(one(provider))
        said = failure(build(registry, {})["it"])
        assert (said.kind, said.retryable) == ("authentication", False)
        assert key_variables(registry)[0] in said.text


@pytest.mark.skipif(bool(importlib.util.find_spec("boto3")), reason="the extra is installed here")
def test_a_missing_extra_says_what_to_install() -> None:
    said = failure(build(validate(one("anthropic-bedrock", region="eu-west-1")), {})["it"])
    assert said.kind == "configuration"
    assert "pip install 'anthropic[bedrock]'" in said.text
    said = failure(build(validate(one("vertex-ai", project_id="p", location="global")), {})["it"])
    assert said.kind == "configuration"
    assert "google-auth" in said.text


def test_a_client_without_a_key_falls_back() -> None:
    clients = [
        {"name": "both", "provider": "fallback", "options": {"strategy": ["claude", "said"]}},
        {"name": "claude", "provider": "anthropic"},
        {"name": "said", "provider": "scripted", "options": {"script": [["done", {}]]}},
    ]
    models = build(validate({"clients": clients}), {})
    assert isinstance(models["both"], Fallback)
    (answer,) = ask(models["both"], request())
    assert isinstance(answer, ModelReply)
    assert answer.call is not None
    assert answer.call.name == "done"


def test_members_of_composites_are_built_once() -> None:
    clients = [
        {"name": "outer", "provider": "fallback", "options": {"strategy": ["inner", "s"]}},
        {"name": "inner", "provider": "round-robin", "options": {"strategy": ["s"]}},
        {"name": "s", "provider": "scripted", "options": {"script": [["done"], ["set_state", {"state": "healthy"}]]}},
    ]
    models = build(validate({"clients": clients}), {})
    first, second = ask(models["outer"], request())[0], ask(models["s"], request())[0]
    assert isinstance(first, ModelReply)
    assert isinstance(second, ModelReply)
    assert first.call is not None
    assert second.problem is not None  # the second step, since the first was used up: its reason is missing


def test_every_provider_has_its_options_listed() -> None:
    for provider in PROVIDERS:
        assert known_options(provider) or provider == "rules"


def test_checking_a_registry_imports_no_sdk() -> None:
    code = (
        "import sys\n"
        "from beamlens.llm.registry import validate, key_variables\n"
        "key_variables(validate(provider='anthropic'))\n"
        "print(sorted({'anthropic', 'httpx2', 'pydantic', 'lupa', 'psutil', 'asyncio'} & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"


def test_scripted_and_rules_are_built_without_the_sdk() -> None:
    code = (
        "import sys\n"
        "from beamlens.llm.registry import build, validate\n"
        "build(validate(provider='scripted', options={'script': [['done']]}), {})\n"
        "print(sorted({'anthropic', 'httpx2', 'pydantic'} & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"


def test_a_registry_names_its_clients_when_asked_for_another() -> None:
    registry = ClientRegistry("a", (Client("a", "rules"), Client("b", "rules")))
    with pytest.raises(ConfigurationError, match="there are: a, b"):
        registry.client("c")
