"""The page about providers says what is the case."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from beamlens.llm.model import ModelReply, ToolSchema
from beamlens.llm.providers.errors import _BY_STATUS
from beamlens.llm.providers.options import PROVIDERS, known_options
from beamlens.llm.providers.presets import OPENAI_PRESETS, SDK_PRESETS, OpenAIPreset, SdkPreset
from beamlens.llm.providers.script import _PLACEHOLDERS
from beamlens.llm.registry import ClientRegistry, build, validate
from supervision.process.wire import Codec
from tests.beamlens.llm.providers.asking import ask, request

PAGE = (Path(__file__).parents[4] / "docs" / "providers.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines}


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_the_table_of_providers_is_that_of_the_code() -> None:
    table = rows("Providers")
    assert set(table) == set(PROVIDERS)
    presets: dict[str, SdkPreset | OpenAIPreset] = {**SDK_PRESETS, **OPENAI_PRESETS}
    for name, preset in presets.items():
        assert table[name][1].strip("`") == (preset.default_model or "")
        assert table[name][2].strip("`") == (preset.key_variable or "")


def test_every_option_is_in_the_page() -> None:
    table = PAGE.partition("| option |")[2].partition("\n## ")[0]
    for provider in PROVIDERS:
        for option in known_options(provider):
            assert f"`{option}`" in table, option


def test_every_failure_and_placeholder_is_in_the_page() -> None:
    failures = PAGE.partition("## Failures")[2].partition("\n## ")[0]
    for status, (kind, _) in _BY_STATUS.items():
        assert f"`{kind}`" in failures
        assert str(status) in failures
    for name in _PLACEHOLDERS:
        assert f'"{name}"' in PAGE


def test_the_registry_of_the_page_is_taken() -> None:
    names: dict[str, Any] = {}
    exec(blocks()[0], names)
    assert validate(names["registry"]).model() == "claude-haiku-5-5"


def test_the_script_of_the_page_runs() -> None:
    names: dict[str, Any] = {}
    exec(blocks()[1], names)
    codec = Codec()
    registry = codec.decode(codec.encode(validate(names["registry"])))  # as it reaches the gateway
    assert isinstance(registry, ClientRegistry)
    model = build(registry, {})["test"]
    tools = tuple(
        ToolSchema(name, "", {"type": "object"}) for name in ("take_snapshot", "send_notification", "done", "think")
    )
    asked = request(tools=tools, caller="operator:vm", facts={"snapshots": [{"id": "s1"}]})
    _, sent, failed, done = ask(model, asked, asked, asked, asked)
    assert isinstance(sent, ModelReply)
    assert sent.call is not None
    assert sent.call.arguments["snapshot_ids"] == ["s1"]
    assert not isinstance(failed, ModelReply)
    assert failed.retry_after == 0.1
    assert isinstance(done, ModelReply)


def test_the_stub_of_the_page_runs() -> None:
    code = blocks()[2]
    used = code.replace(
        "    ...\n",
        "    import httpx2\n"
        "    body = {'max_tokens': 1, 'messages': [{'role': 'user', 'content': 'x'}], 'tools': [{'name': 'a', "
        "'input_schema': {}}], 'tool_choice': {'type': 'any'}}\n"
        "    statuses.append(httpx2.post(stub.url + '/v1/messages', json=body).status_code)\n",
    )
    assert used != code
    names: dict[str, Any] = {"statuses": []}
    exec(used, names)
    assert names["statuses"] == [429]
