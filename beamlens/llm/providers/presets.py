"""What is known of each provider, as data: addresses, headers, variables of keys, default models, what it can do.

Plain data without any import of an SDK, so that the application can check a registry with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEFAULT_MODEL", "KEYLESS", "OPENAI_PRESETS", "SDK_PRESETS", "ChoiceMode", "OpenAIPreset", "SdkPreset"]

# How one tool call is got out of a model: by the protocol's tool choice, by a JSON schema for the whole answer,
# or by asking for JSON in the prompt.
ChoiceMode = Literal["tools", "json_schema", "prompt"]

# Anthropic's current Haiku tier: the newest of that tier among the names that the SDK 2.12 knows.
DEFAULT_MODEL = "claude-haiku-5-5"

# Providers that talk to nobody.
KEYLESS = ("rules", "scripted")


@dataclass(frozen=True, slots=True)
class SdkPreset:
    """Describe a provider that the Anthropic SDK speaks to.

    Args:
        client: the SDK's class.
        default_model: its name at this provider; None where the user must choose.
        key_variable: the environment variable of the key.
        secret_variables: further variables that the SDK reads and others need not see.
        options: what a client may set beside the common options, and the SDK's name for it.
        extra: what to install beside the SDK; None for nothing.
        probe: the module that shows whether it is installed.
    """

    client: str
    default_model: str | None
    key_variable: str | None
    secret_variables: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    extra: str | None = None
    probe: str | None = None


SDK_PRESETS: dict[str, SdkPreset] = {
    "anthropic": SdkPreset("AsyncAnthropic", DEFAULT_MODEL, "ANTHROPIC_API_KEY"),
    "anthropic-bedrock": SdkPreset(
        "AsyncAnthropicBedrock",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "AWS_BEARER_TOKEN_BEDROCK",
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        (("region", "aws_region"), ("profile", "aws_profile")),
        "anthropic[bedrock]",
        "boto3",
    ),
    "anthropic-vertex": SdkPreset(
        "AsyncAnthropicVertex",
        "claude-haiku-4-5@20251001",
        "VERTEX_AI_ACCESS_TOKEN",
        ("GOOGLE_APPLICATION_CREDENTIALS",),
        (("region", "region"), ("location", "region"), ("project_id", "project_id")),
        "anthropic[vertex]",
        "google.auth",
    ),
    "anthropic-foundry": SdkPreset(
        "AsyncAnthropicFoundry",
        "claude-haiku-4-5",
        "ANTHROPIC_FOUNDRY_API_KEY",
        (),
        (("resource_name", "resource"),),
    ),
}


@dataclass(frozen=True, slots=True)
class OpenAIPreset:
    """Describe a provider that speaks OpenAI's chat completions.

    Args:
        base_url: the address before `/chat/completions`, with the options that fill it in braces; None: must be given.
        default_model: None where the user must choose.
        key_variable: the environment variable of the key; None where there is none by default.
        key_required: whether it does not answer without a key.
        key_header: the header that carries the key; `authorization` carries it as a bearer token.
        options: what a client may set beside the common options.
        mode: where to start; on a refusal the next weaker one is tried.
        strict: whether tool schemas may be sent as strict.
        parallel_flag: whether `parallel_tool_calls` is understood.
        length_field: how the longest answer is called.
    """

    base_url: str | None
    default_model: str | None
    key_variable: str | None
    key_required: bool = True
    key_header: str = "authorization"
    options: tuple[str, ...] = ()
    mode: ChoiceMode = "tools"
    strict: bool = False
    parallel_flag: bool = True
    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


OPENAI_PRESETS: dict[str, OpenAIPreset] = {
    "openai": OpenAIPreset(
        "https://api.openai.com/v1",
        "gpt-5-mini",
        "OPENAI_API_KEY",
        strict=True,
        length_field="max_completion_tokens",
    ),
    "azure-openai": OpenAIPreset(
        "https://{resource_name}.openai.azure.com/openai/v1",
        "gpt-5-mini",
        "AZURE_OPENAI_API_KEY",
        key_header="api-key",
        options=("resource_name", "deployment_id", "api_version"),
        strict=True,
        length_field="max_completion_tokens",
    ),
    # Ollama takes `tool_choice` and does not obey it; it does obey a JSON schema for the answer.
    "ollama": OpenAIPreset(
        "http://localhost:11434/v1", "qwen3", None, key_required=False, mode="json_schema", parallel_flag=False
    ),
    "openrouter": OpenAIPreset("https://openrouter.ai/api/v1", "openai/gpt-5-mini", "OPENROUTER_API_KEY"),
    "together": OpenAIPreset(
        "https://api.together.xyz/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "TOGETHER_API_KEY"
    ),
    "google-ai": OpenAIPreset(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-3-flash-preview",
        "GOOGLE_API_KEY",
        parallel_flag=False,
    ),
    # Without a token in the variable, Google's application default credentials are used (`google-auth`).
    "vertex-ai": OpenAIPreset(
        "https://{location_host}aiplatform.googleapis.com/v1/projects/{project_id}/locations/{location}/endpoints/openapi",
        "google/gemini-3-flash-preview",
        "VERTEX_AI_ACCESS_TOKEN",
        options=("project_id", "location"),
        parallel_flag=False,
    ),
    "aws-bedrock": OpenAIPreset(
        "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        "openai.gpt-oss-120b-1:0",
        "AWS_BEARER_TOKEN_BEDROCK",
        options=("region",),
        parallel_flag=False,
    ),
    "openai-generic": OpenAIPreset(None, None, None, key_required=False),
}
