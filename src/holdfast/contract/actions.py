"""What an action is: the definition a plan's actions point to (spec 000 §4.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.contract.checks import Flag, Literally, Maybe, Record, Text, Word, number_check
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import URL, ActionReference, DurationMs, SemanticVersion
from holdfast.contract.variants import OneVariant
from holdfast.faults.taxonomy import ErrorCategory

__all__ = [
    "ActionDefinition",
    "ActionExample",
    "ActionIdempotency",
    "ActionProbe",
    "ActionRateLimit",
    "ApiKeyAuthentication",
    "Authentication",
    "BearerAuthentication",
    "CustomAuthentication",
    "Endpoint",
    "KnownError",
    "OAuth2Authentication",
    "ProbeCondition",
    "RetryPolicy",
]


class BearerAuthentication(WireModel):
    """A bearer token in the `Authorization` header."""

    type: Word[Literal["bearer"]] = Field(description="This way of authentication.")
    token: Text = Field(description="The token, or what `tokenFrom` makes of it.")
    token_from: Word[Literal["env", "user_input", "oauth_flow"]] = Field(description="Where the token comes from.")
    credential: Maybe[Text] = Field(
        default=None, description="Ours. The credential's name, for refreshing and sharing it."
    )


class ApiKeyAuthentication(WireModel):
    """An API key in a header."""

    type: Word[Literal["api_key"]] = Field(description="This way of authentication.")
    header: Text = Field(description="The header that carries the key.")
    value: Text = Field(description="The key, or what `valueFrom` makes of it.")
    value_from: Word[Literal["env", "user_input"]] = Field(description="Where the key comes from.")
    credential: Maybe[Text] = Field(
        default=None, description="Ours. The credential's name, for refreshing and sharing it."
    )


class OAuth2Authentication(WireModel):
    """OAuth 2.0 with a token endpoint."""

    type: Word[Literal["oauth2"]] = Field(description="This way of authentication.")
    client_id: Text = Field(description="The OAuth client.")
    client_secret: Text = Field(description="The client's secret; `env:NAME` names a variable.")
    token_url: URL = Field(description="The token endpoint.")
    scope: tuple[Text, ...] = Field(description="The scopes needed.")
    refresh_token: Maybe[Text] = Field(default=None, description="The refresh token; `env:NAME` names a variable.")
    credential: Maybe[Text] = Field(
        default=None, description="Ours. The credential's name, for refreshing and sharing it."
    )


class CustomAuthentication(WireModel):
    """Authentication by a function of the user's own."""

    type: Word[Literal["custom"]] = Field(description="This way of authentication.")
    handler: Text = Field(description="The name the function is registered under.")
    credential: Maybe[Text] = Field(
        default=None, description="Ours. The credential's name, for refreshing and sharing it."
    )


Authentication = Annotated[
    BearerAuthentication | ApiKeyAuthentication | OAuth2Authentication | CustomAuthentication, OneVariant("type")
]
"""How requests prove who they are; the variant is told by `type`."""


class RetryPolicy(WireModel):
    """The basic repeats an action makes before recovery is asked."""

    max_attempts: Annotated[int, number_check(whole=True, least=1, most=10)] = Field(
        description="Attempts in all, the first included."
    )
    initial_delay: DurationMs = Field(description="The first wait, in milliseconds.")
    max_delay: DurationMs = Field(description="The longest wait, in milliseconds.")
    backoff_multiplier: Annotated[int | float, number_check(whole=False, least=1, most=5)] = Field(
        description="Each wait is this many times the one before."
    )
    retryable_errors: tuple[Word[ErrorCategory], ...] = Field(description="The categories that are repeated.")
    jitter: Flag = Field(description="Whether waits are randomised (full jitter).")


class Endpoint(WireModel):
    """The HTTP request an action makes."""

    url: URL = Field(description="The address; {param} placeholders take inputs.")
    method: Word[Literal["GET", "POST", "PUT", "PATCH", "DELETE"]] = Field(description="The HTTP method.")
    headers: Record[Text] = Field(description="Headers sent with every request.")
    timeout: DurationMs = Field(description="How long to wait for the answer, in milliseconds.")


class KnownError(WireModel):
    """An error this action is known for."""

    pattern: Text = Field(description="A regular expression for the message.")
    category: Word[ErrorCategory] = Field(description="The category it belongs to.")
    suggestion: Text = Field(description="What may help, for people.")


class ActionRateLimit(WireModel):
    """How often an action may be performed."""

    requests: Annotated[int, number_check(whole=True, above=0)] = Field(
        description="Requests allowed within the window."
    )
    window: DurationMs = Field(description="The window, in milliseconds.")
    scope: Word[Literal["global", "per_user", "per_ip"]] = Field(description="Who shares the limit.")


class ActionExample(WireModel):
    """An example of use, for tests and documentation."""

    name: Text = Field(description="The example's name.")
    input: Record[Text] = Field(description="Inputs.")
    output: Record[Text] = Field(description="The output to expect.")


class ActionIdempotency(WireModel):
    """Ours. That the endpoint honours an idempotency key."""

    header: Text = Field(description="The request header that carries the key.")


class ProbeCondition(WireModel):
    """Ours. When a probe's answer means that the side effect happened."""

    reference: ActionReference = Field(
        description="A value of the probe's own answer: ${probe.output.…} or ${probe.status}."
    )
    operator: Word[Literal["exists", "equals", "contains", "matches"]] = Field(description="How the value is compared.")
    value: Maybe[Text] = Field(default=None, description="What it is compared with.")


class ActionProbe(WireModel):
    """Ours. A question to the other side that tells whether an attempt of unknown outcome took effect."""

    action_definition_id: Text = Field(description="The action that asks; it must be free of side effects.")
    inputs: Record[Literally] = Field(
        description="Its inputs; may refer to the failed action, such as ${self.inputs.orderId}."
    )
    happened_if: ProbeCondition = Field(description="When the answer means that it happened.")


class ActionDefinition(WireModel):
    """An action that plans can use: the request, its authentication and its ways of failing."""

    id: Text = Field(description="The action's name.")
    name: Text = Field(description="The action's name for people.")
    description: Text = Field(description="What it does.")
    version: SemanticVersion = Field(description="The definition's version.")
    endpoint: Endpoint = Field(description="The HTTP request.")
    authentication: Maybe[Authentication] = Field(default=None, description="How requests prove who they are.")
    input_schema: Record[Text] = Field(
        description="What each input must be: a JSON type word or the text of a JSON Schema."
    )
    output_schema: Record[Text] = Field(description="What each output must be, told likewise.")
    retry_policy: RetryPolicy = Field(description="The basic repeats before recovery.")
    known_errors: tuple[KnownError, ...] = Field(description="Errors it is known for.")
    rate_limit: Maybe[ActionRateLimit] = Field(default=None, description="How often it may be performed.")
    examples: tuple[ActionExample, ...] = Field(description="Examples of use.")

    api_id: Maybe[Text] = Field(
        default=None, description="Ours. The catalog entry of its API; else the longest matching baseUrl."
    )
    idempotency: Maybe[ActionIdempotency] = Field(
        default=None, description="Ours. That its endpoint honours an idempotency key."
    )
    probe: Maybe[ActionProbe] = Field(
        default=None, description="Ours. How to learn whether an unknown attempt took effect."
    )
    refreshes: Maybe[Text] = Field(default=None, description="Ours. The credential this action renews.")
    token_path: Maybe[Text] = Field(default=None, description="Ours. Where the new token stands in its output.")
    repeatable: Maybe[Flag] = Field(
        default=None, description="Ours. Whether repeating it is harmless; overrides the method's meaning."
    )
    personal: Maybe[tuple[Text, ...]] = Field(
        default=None,
        description="Ours. Names of personal inputs and outputs, at any depth; or dotted paths such as customer.email.",
    )
