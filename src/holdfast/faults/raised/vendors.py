"""Exceptions of vendors' own clients (OpenAI, Anthropic, Stripe, Slack, Twilio, Azure and others), and of wrappers that hold another failure.

Such an exception mostly carries an answer, and then the answer decides (`holdfast.faults.said_answers`); these tables are for what is raised
without one, and for what is left when only the name of the class is known.
"""

from __future__ import annotations

import re

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    AUTH,
    BARE_TIMEOUT,
    BURST,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    CUT,
    DECODING,
    EXPIRED,
    INVALID,
    LOCAL,
    NO_CREDENTIAL,
    READ_TIMEOUT,
    REDIRECTS,
    REFUSED,
    SAID_AUTH,
    SAID_EXPIRED,
    SAID_INVALID,
    SAID_MONEY,
    SAID_SERVER,
    SAID_STATE,
    SAID_THROTTLED,
    SERVER,
    STATE,
    TIMEOUT,
    VAGUE_LOSS,
    WRAPPER,
    ExceptionMeaning,
    Weight,
    meaning,
    said,
    table,
)
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.raised.told_codes import read_told_code
from holdfast.faults.verdict import Health, Outcome

_SPENT = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance|billing|out of credits|spend limit", re.IGNORECASE
)
_DAY = re.compile(r"per day|daily|\bRPD\b|\bTPD\b|per month|monthly", re.IGNORECASE)


def _read_rate(message: str) -> ExceptionMeaning | None:
    if _SPENT.search(message):
        return SAID_MONEY
    return said(SAID_MONEY.category, "quota") if _DAY.search(message) else None


_LOSS = meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=read_system_words)
_TIMED_OUT = meaning(TIMEOUT, Phase.READ, rule="timeout", weight=Weight.VAGUE)
_RATE = meaning(BURST, Phase.ANSWER, rule="throttled", by_words=_read_rate)
_SIGNATURE = meaning(INVALID, Phase.LOCAL, rule="webhook-signature", health=Health.NEUTRAL)

# OpenAI's and Anthropic's clients come from one generator, and so do others of the kind: Groq, Cerebras, Together, Cloudflare, Lithic.
_MODELS = table(
    (
        ("BadRequestError UnprocessableEntityError RequestTooLargeError", SAID_INVALID),
        ("AuthenticationError PermissionDeniedError OAuthError", SAID_AUTH),
        ("NotFoundError ConflictError", SAID_STATE),
        ("RateLimitError RampLimitExceededError", _RATE),
        (
            "InternalServerError APIStatusError ServiceUnavailableError DeadlineExceededError GatewayTimeoutError",
            SAID_SERVER,
        ),
        ("RequestTimeoutError", said(TIMEOUT, "request-timeout", outcome=Outcome.UNKNOWN)),
        ("PaymentRequiredError ContractSpendLimitReachedError EnforcedSpendLimitReachedError", SAID_MONEY),
        ("OverloadedError", said(SERVER, "overloaded", outcome=Outcome.NOT_EXECUTED)),
        ("APITimeoutError", _TIMED_OUT),
        ("APIConnectionError APIError", _LOSS),
        ("APIResponseValidationError", DECODING),
        (
            "LengthFinishReasonError ContentFilterFinishReasonError",
            said(INVALID, "answer-unusable", outcome=Outcome.EXECUTED),
        ),
        ("InvalidWebhookSignatureError", _SIGNATURE),
        ("OpenAIError AnthropicError GroqError", LOCAL),
    )
)
_STRIPE = table(
    (
        ("CardError InvalidRequestError", SAID_INVALID),
        ("IdempotencyError", SAID_INVALID),
        ("AuthenticationError PermissionError InvalidGrantError InvalidClientError OAuthError", SAID_AUTH),
        ("RateLimitError", _RATE),
        ("APIConnectionError", _LOSS),
        ("APIError StripeError", SAID_SERVER),
        ("SignatureVerificationError", _SIGNATURE),
    )
)
_SLACK = table(
    (
        ("SlackClientNotConnectedError", CONNECT),
        ("SlackObjectFormationError SlackClientConfigurationError SlackRequestError", LOCAL),
        ("BotUserAccessError SlackTokenRotationError", SAID_AUTH),
    )
)
_AZURE = table(
    (
        ("ServiceRequestTimeoutError", CONNECT_TIMEOUT),
        # The request could not be sent (ServiceRequest…), or was sent and its answer did not come (ServiceResponse…).
        ("ServiceRequestError", meaning(REFUSED, Phase.CONNECT, rule="connect", by_words=read_system_words)),
        ("ServiceResponseTimeoutError", READ_TIMEOUT),
        ("ServiceResponseError", meaning(REFUSED, Phase.READ, rule="closed")),
        ("IncompleteReadError", CUT),
        ("DecodeError DeserializationError", DECODING),
        ("ResourceExistsError ResourceModifiedError ResourceNotModifiedError ResourceNotFoundError", SAID_STATE),
        ("ClientAuthenticationError", meaning(AUTH, Phase.ANSWER, rule="credentials", by_words=read_told_code)),
        ("CredentialUnavailableError AuthenticationRequiredError", NO_CREDENTIAL),
        ("TooManyRedirectsError", REDIRECTS),
        (
            "HttpResponseError ODataV4Error AzureError",
            meaning(SERVER, Phase.ANSWER, rule="server", weight=Weight.VAGUE),
        ),
        ("SerializationError ResponseNotReadError StreamConsumedError StreamClosedError", LOCAL),
        (
            "MessageLockLostError SessionLockLostError MessageAlreadySettled SessionCannotBeLockedError",
            said(STATE, "lock-lost", retryable=True),
        ),
        ("ServiceBusQuotaExceededError MessageSizeExceededError", SAID_INVALID),
        ("ServiceBusServerBusyError", SAID_THROTTLED),
        ("ServiceBusConnectionError ServiceBusCommunicationError", _LOSS),
        ("OperationTimeoutError", READ_TIMEOUT),
    )
)
_OAUTH = table(
    (
        ("TokenExpiredError ExpiredSignatureError", SAID_EXPIRED),
        ("InvalidGrantError InvalidClientError MissingTokenError InvalidTokenError InvalidClientIdError", SAID_AUTH),
        ("AccessDeniedError UnauthorizedClientError InsufficientScopeError LoginRequired ConsentRequired", SAID_AUTH),
        ("InsecureTransportError MismatchingStateError InvalidRequestError", SAID_INVALID),
        ("ServerError TemporarilyUnavailableError", SAID_SERVER),
        ("SlowDownError AuthorizationPendingError", SAID_THROTTLED),
    )
)


def _read_fault(message: str) -> ExceptionMeaning | None:
    """A fault of SOAP by its sentence: its code, which says whose mistake it is, is not in the text."""
    return SAID_INVALID if _REFUSED_CONTENT.search(message[:1_000].lower()) else None


_REFUSED_CONTENT = re.compile(
    r"not found|does not exist|\binvalid\b|\bmissing\b|\brequired\b|not allowed|must (?:be|not)|unknown (?:\w{1,30})|duplicate|already"
)
_JWT = table(
    (
        ("ExpiredSignatureError", meaning(EXPIRED, Phase.LOCAL, rule="token-expired")),
        (
            "ImmatureSignatureError InvalidTokenError InvalidSignatureError DecodeError InvalidKeyError",
            meaning(AUTH, Phase.LOCAL, rule="token-invalid"),
        ),
        ("PyJWKClientConnectionError", CONNECT),
    )
)
_GITHUB = table(
    (
        ("RateLimitExceededException", _RATE),
        ("BadCredentialsException BadUserAgentException TwoFactorException", SAID_AUTH),
        ("UnknownObjectException", SAID_STATE),
        ("GithubException", meaning(SERVER, Phase.ANSWER, rule="server", weight=Weight.VAGUE)),
    )
)
_PLAYED = table((("TimeoutError", READ_TIMEOUT), ("TargetClosedError", CLOSED), ("Error", _LOSS)))
_BOTS = table(
    (
        ("FloodWait FloodWaitError RetryAfter TelegramRetryAfter SlowModeWaitError RateLimited", SAID_THROTTLED),
        (
            "Forbidden InvalidToken TelegramUnauthorizedError TelegramForbiddenError LoginFailure Unauthorized AuthKeyError",
            SAID_AUTH,
        ),
        ("BadRequest TelegramBadRequest", SAID_INVALID),
        ("Conflict TelegramConflictError ChatMigrated TelegramNotFound NotFound", SAID_STATE),
        ("TimedOut", BARE_TIMEOUT),
        ("NetworkError TelegramNetworkError", _LOSS),
        ("DiscordServerError TelegramServerError", SAID_SERVER),
        ("ConnectionClosed GatewayNotFound", CLOSED),
    )
)
# What ran out of attempts, was refused by a guard, or hands on what happened in another process: the cause says what.
_WRAPPERS = table(
    (
        ("RetryError MaxRetriesExceeded RetryException TryAgain", WRAPPER),
        (
            "RemoteError RemoteTraceback MaybeEncodingError ActivityError ChildWorkflowError WorkflowFailureError",
            WRAPPER,
        ),
        (
            "CircuitBreakerError CircuitOpenError CircuitBreakerOpen BrokenCircuitError",
            meaning(REFUSED, Phase.LOCAL, rule="circuit-open", health=Health.NEUTRAL),
        ),
        (
            "BulkheadFull BulkheadFullException BucketFullException RateLimitException",
            meaning(BURST, Phase.LOCAL, rule="own-limit", health=Health.NEUTRAL),
        ),
    )
)
_GUARDS = frozenset(
    {
        "tenacity",
        "backoff",
        "stamina",
        "pybreaker",
        "circuitbreaker",
        "aiobreaker",
        "purgatory",
        "celery",
        "temporalio",
        "multiprocessing",
        "pyrate_limiter",
        "ratelimit",
        "retrying",
    }
)

ANSWERING = frozenset(
    {
        "openai",
        "anthropic",
        "groq",
        "cerebras",
        "together",
        "cloudflare",
        "mistralai",
        "cohere",
        "litellm",
        "stripe",
        "github",
        "azure",
        "discord",
        "google",
        "docker",
        "jira",
        "gspread",
        "hubspot",
        "kubernetes",
    }
)
"""Libraries whose exceptions tell of the answer in their text, in a form used by many: it says more than the name of the class."""

LIBRARIES = {
    **dict.fromkeys(
        ("openai", "anthropic", "groq", "cerebras", "together", "cloudflare", "mistralai", "cohere", "litellm"), _MODELS
    ),
    **dict.fromkeys(_GUARDS, _WRAPPERS),
    "stripe": _STRIPE,
    "slack_sdk": _SLACK,
    "azure": _AZURE,
    "msrest": _AZURE,
    "oauthlib": _OAUTH,
    "authlib": _OAUTH,
    "jwt": _JWT,
    "jose": _JWT,
    "github": _GITHUB,
    "playwright": _PLAYED,
    "telegram": _BOTS,
    "aiogram": _BOTS,
    "telethon": _BOTS,
    "discord": _BOTS,
    "tweepy": table(
        (
            ("TooManyRequests", _RATE),
            ("Unauthorized Forbidden", SAID_AUTH),
            ("NotFound", SAID_STATE),
            ("BadRequest", SAID_INVALID),
            ("TwitterServerError", SAID_SERVER),
        )
    ),
    "suds": table((("WebFault", meaning(SERVER, Phase.ANSWER, rule="soap")),)),
    "zeep": table(
        (
            ("TransportError", VAGUE_LOSS),
            ("Fault", meaning(SERVER, Phase.ANSWER, rule="soap", by_words=_read_fault)),
            ("ValidationError LookupError", LOCAL),
            ("XMLSyntaxError", DECODING),
        )
    ),
}
