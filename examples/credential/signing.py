"""A function that signs each request, for `authentication: {type: custom, handler: signed}`."""

from __future__ import annotations

import hashlib
import hmac
import os

import holdfast

hold = holdfast.open(worker=False)


@hold.authenticator("signed")
def sign(request: holdfast.OutgoingRequest) -> dict[str, str]:
    """Return the header that proves who sends this very request."""
    key = os.environ["SIGNING_KEY"].encode()
    return {"X-Signature": hmac.new(key, request.body, hashlib.sha256).hexdigest()}
