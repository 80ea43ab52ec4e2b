"""AWS' and Google's own credentials, where the extras are installed: signed for real, spoken to local servers."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from beamlens.testing import Answer, StubAnthropic, StubOpenAI, tool_completion, tool_message
from beamlens.testing.stub_server import StubServer
from tests.beamlens.llm.providers.asking import ask, model_for, reply, request


def installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


needs_aws = pytest.mark.skipif(not installed("boto3"), reason="anthropic[bedrock] is not installed")
needs_google = pytest.mark.skipif(not installed("google.auth"), reason="anthropic[vertex] is not installed")


@needs_aws
@pytest.mark.filterwarnings("ignore")
def test_bedrock_signs_with_the_usual_credentials_of_aws() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "canary-secret"}
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("done"))
        said = reply(model_for("anthropic-bedrock", stub.url, environ, region="eu-west-1"))
        (sent,) = stub.requests
    assert said.call is not None
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/")
    assert "eu-west-1/bedrock/aws4_request" in sent.headers["authorization"]
    assert "canary-secret" not in repr(sent.headers)


@needs_google
@pytest.mark.filterwarnings("ignore")
def test_vertex_fetches_a_token_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StubServer() as tokens, StubOpenAI() as stub:
        tokens.enqueue(
            *[Answer({"access_token": f"ya29.canary-{n}", "expires_in": 3600, "token_type": "Bearer"}) for n in (1, 2)]
        )
        stub.always(tool_completion("done"))
        file = tmp_path / "account.json"
        file.write_text(json.dumps(_account(tokens.url)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        model: Any = model_for("vertex-ai", f"{stub.url}/v1", {})
        ask(model, request(), request())
        assert len(tokens.requests) == 1
        assert [each.headers["authorization"] for each in stub.requests] == ["Bearer ya29.canary-1"] * 2


@needs_google
@pytest.mark.filterwarnings("ignore")
def test_google_credentials_that_are_not_there_fail_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with StubOpenAI() as stub:
        (said,) = ask(model_for("vertex-ai", f"{stub.url}/v1", {}), request())
        assert stub.requests == []
    assert getattr(said, "kind", None) == "configuration"
    assert "missing.json" in getattr(said, "text", "")


@needs_google
@pytest.mark.filterwarnings("ignore")
def test_a_token_server_that_is_away_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StubServer() as tokens:
        url = tokens.url
    file = tmp_path / "account.json"
    file.write_text(json.dumps(_account(url)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    (said,) = ask(model_for("vertex-ai", "http://127.0.0.1:9/v1", {}), request())
    assert (getattr(said, "kind", None), getattr(said, "retryable", None)) == ("connection", True)


def _account(url: str) -> dict[str, str]:
    rsa = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    forms = importlib.import_module("cryptography.hazmat.primitives.serialization")
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    )
    return {
        "type": "service_account",
        "client_email": "a@b.c",
        "private_key": pem.decode(),
        "private_key_id": "1",
        "project_id": "p",
        "token_uri": f"{url}/token",
    }
