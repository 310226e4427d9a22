"""Nothing secret comes to rest."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, strategies as st

from holdfast.faults import redact
from holdfast.faults.redact import REDACTED, redact_body, redact_headers, redact_text, redact_url

R = "[redacted]"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "cookie",
        "Set-Cookie",
        "X-Api-Key",
        "Proxy-Authorization",
        "x-auth-token",
        "client-secret",
        "My-Password",
    ],
)
def test_takes_out_the_headers_that_carry_credentials(name: str) -> None:
    """The name stays, the value goes."""
    assert ((name, R), ("Accept", "text/html")) == redact_headers([(name, "abc"), ("Accept", "text/html")])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("to https://u:p@h/x", f"to https://{R}@h/x", id="userinfo"),
        pytest.param("Bearer abc.def-123", f"Bearer {R}", id="bearer"),
        pytest.param("the token expired", "the token expired", id="words-stay"),
        pytest.param("api_key=abc&x=1", f"api_key={R}&x=1", id="pair"),
        pytest.param('{"password": "a b", "x": 1', f'{{"password": {R}, "x": 1', id="cut-json"),
        pytest.param("eyJhbGciOi.eyJzdWIi.sig", R, id="jwt"),
        pytest.param("No such key sk_live_4eC39HqLyjWDarjtT1", f"No such key {R}", id="known-form"),
        pytest.param("run 0123456789abcdef0123456789abcdef", f"run {R}", id="long-run"),
        pytest.param(
            "id 123e4567-e89b-12d3-a456-426614174000", "id 123e4567-e89b-12d3-a456-426614174000", id="uuids-stay"
        ),
        pytest.param("mail to ada@example.com", "mail to [email]", id="mail"),
    ],
)
def test_takes_token_like_text_out(text: str, clean: str) -> None:
    """What looks like a credential goes, what a person needs to understand the line stays."""
    assert clean == redact_text(text)


@pytest.mark.parametrize(
    "form",
    [pytest.param("p/w d", id="plain"), pytest.param("p%2Fw%20d", id="percent"), pytest.param("p%2Fw+d", id="form")],
)
def test_takes_exact_secrets_out_in_every_spelling(form: str) -> None:
    """A known secret goes wherever it stands, also percent-encoded."""
    assert f"see {R}!" == redact_text(f"see {form}!", secrets=("p/w d", "p/w"))


def test_takes_secret_query_values_out() -> None:
    """Query and fragment keep their names, and harmless values."""
    assert f"https://h/a?access_token={R}&q=1&sig={R}#id_token={R}" == redact_url(
        "https://h/a?access_token=x&q=1&sig=y#id_token=z"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "clean"),
    [
        pytest.param(
            {"a": {"token": "x", "n": 1}, "b": ["Bearer abc12345."]},
            "application/json",
            {"a": {"token": R, "n": 1}, "b": [f"Bearer {R}"]},
            id="nested",
        ),
        pytest.param(
            {"secrets": {"deep": 1}, "key": None, "has_token": True},
            "application/json",
            {"secrets": R, "key": None, "has_token": True},
            id="whole-subtree",
        ),
        pytest.param([4711, 1], None, [R, 1], id="exact-number"),
    ],
)
def test_reads_json_by_its_structure(body: object, content_type: str | None, clean: object) -> None:
    """Values under secret names go, at any depth, whole subtrees included."""
    assert clean == json.loads(redact_body(json.dumps(body).encode(), content_type, secrets=("4711",)))


@pytest.mark.parametrize(
    ("body", "content_type", "clean"),
    [
        pytest.param(
            b"grant=a&refresh_token=b&c=",
            "application/x-www-form-urlencoded",
            f"grant=a&refresh_token={R}&c=",
            id="form",
        ),
        pytest.param(b"\x00\x01", "image/png", "[2 bytes of image/png]", id="binary"),
        pytest.param(b"\x00", None, "[1 bytes of binary data]", id="unknown-binary"),
        pytest.param(b'{"token": "abc', "application/json", f'{{"token": {R}', id="broken-json"),
        pytest.param(b"", None, "", id="empty"),
    ],
)
def test_reads_other_bodies(body: bytes, content_type: str | None, clean: str) -> None:
    """Forms by their pairs, broken JSON as text, binary data as its size."""
    assert clean == redact_body(body, content_type)


def test_cuts_after_redacting() -> None:
    """A body is cut to the limit, and says how large it was."""
    assert "aaaaa… [50 bytes]" == redact_body(b"a" * 50, None, limit=5)


@given(st.integers(min_value=65_400, max_value=65_560), st.integers(min_value=0, max_value=40))
def test_never_shows_half_a_secret(position: int, shift: int) -> None:
    """A secret across the end of what is read does not show its first half."""
    secret = "hunter-" + "z" * 30
    body = (b"token=" + b"q" * 4_900 + b" ") * 13
    body = body[: position + shift] + b" " * max(0, position - len(body)) + secret.encode() + b" tail" * 2_000

    assert "hunter" not in redact_body(body, None, secrets=(secret,), limit=16_384)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_never_lets_a_secret_through(value: object) -> None:
    """Wherever a secret stands in a body, it is not in what comes out."""
    body = json.dumps({"wrapped": value, "note": "pre S3cr3t-Value post", "password": "S3cr3t-Value"}).encode()

    assert "S3cr3t-Value" not in redact_body(body, "application/json", secrets=("S3cr3t-Value",), limit=100_000)


@pytest.mark.parametrize(
    "quoted",
    [
        pytest.param("se<ret/Of+Nine&", id="raw"),
        pytest.param("se%3cret%2fOf%2bNine%26", id="percent-encoded in lower case"),
        pytest.param("se<ret\\/Of+Nine&", id="JSON with escaped slashes"),
        pytest.param("se&lt;ret/Of+Nine&amp;", id="HTML"),
        *(
            pytest.param(base64.b64encode(b"u" * n + b"se<ret/Of+Nine&").decode(), id=f"base64 at {n}")
            for n in range(4)
        ),
        pytest.param(base64.urlsafe_b64encode(b"se<ret/Of+Nine&").decode(), id="base64 for addresses"),
    ],
)
def test_a_known_secret_goes_in_every_spelling(quoted: str) -> None:
    """However a server quotes a secret back, in an error page, in JSON or in base64, enough of it goes to make it useless."""
    told = redact_text(f"got <{quoted}> from you", secrets=["se<ret/Of+Nine&"])

    assert REDACTED in told
    assert len(told) < len("got <> from you") + len(REDACTED) + 8


# The last two are the Kelvin sign and the long s, which a pattern that ignores case takes for k and s.
PARTS = st.sampled_from(
    (
        *(
            "token",
            "Bearer ",
            "basic\t",
            "key",
            "=",
            ": ",
            "@",
            "://",
            "https",
            " ",
            "-----BEGIN X-----",
            "eyJ",
            ".",
            "sk_",
            "a1b2c3d4",
        ),
        *(
            "ABCDEFGH",
            "password",
            "the read operation timed out",
            "me",
            "x.example",
            "0123456789",
            '"',
            "session",
            "\u212a",
            "\u017f",
        ),
    )
)


@given(st.one_of(st.text(max_size=80), st.lists(PARTS, max_size=12).map("".join)))
def test_the_short_way_through_a_plain_text_leaves_nothing_in(text: str) -> None:
    """A text is let through unchanged only where every pattern would have left it as it is."""
    quick = redact_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "_is_plain", lambda _: False)
        thorough = redact_text(text)

    assert thorough == quick


@given(st.lists(PARTS, max_size=12).map("".join))
def test_a_pattern_left_out_would_have_found_nothing(text: str) -> None:
    """Each pattern is tried wherever it can match."""
    found = redact._USERINFO.sub(rf"\g<head>{REDACTED}@", text)
    found = redact._SCHEME.sub(rf"\g<head>\g<gap>{REDACTED}", found)
    found = redact._PAIR.sub(rf"\g<name>{REDACTED}", found)
    found = redact._KNOWN_FORM.sub(REDACTED, found)
    found = redact._EMAIL.sub("[email]", found)
    found = redact._LONG_RUN.sub(lambda run: REDACTED if redact._looks_random(run[0]) else run[0], found)

    assert found == redact_text(text)
