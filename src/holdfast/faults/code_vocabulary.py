"""The words that error codes are made of, each with its stem: the one word the grammar knows it by.

Words that mean the same for the question of what went wrong share a stem (`reached`, `exhausted` and `exceeded`).
Gathered from the public error lists of some two hundred APIs; a word stands here when several vendors use it in the
same sense.
"""

from __future__ import annotations

from types import MappingProxyType

_GROUPS: dict[str, str] = {
    # What is said of something.
    "expired": "expired expire expires expiry expiration expiring lapsed",
    "exceeded": (
        "exceeded exceed exceeds exceeding reached exhausted hit surpassed exceded overlimit overquota depleted over"
    ),
    "invalid": (
        "invalid inv incorrect wrong bad malformed illegal corrupt corrupted mismatch mismatched "
        "unrecognized unrecognised unverified unacceptable improper broken tampered"
    ),
    "failed": "failed failure fail fails",
    "missing": "missing absent empty blank without omitted",
    "required": "required require requires needed necessary mandatory",
    "revoked": "revoked withdrawn invalidated deauthorized deauthorised deauthenticated rescinded",
    "denied": (
        "denied forbidden unauthorized unauthorised unauthenticated prohibited disallowed restricted notauthorized"
    ),
    "found": "found exist exists existing existent",
    "unknown": "unknown undefined nonexistent inexistent unexisting nosuch such notfound unresolvable",
    "duplicate": "duplicate duplicated dup dupe duplicates duplication unique uniqueness",
    "already": "already",
    "conflict": "conflict conflicting conflicts conflicted collision clash",
    "locked": "locked lock locking lockout deadlock contention",
    "progress": "progress inprogress pending processing ongoing underway running inflight",
    "concurrent": "concurrent concurrency concurrently simultaneous parallel",
    "stale": "stale outdated old obsolete precondition etag optimistic",
    "deprecated": "deprecated sunset retired decommissioned removed discontinued eol deprecation retire",
    "unsupported": "unsupported supported support implemented unimplemented",
    "disabled": (
        "disabled suspended inactive deactivated blocked banned closed frozen terminated disable "
        "suspend deactivate block paused"
    ),
    "throttle": (
        "throttle throttled throttling throttlingexception throttles ratelimited ratelimiting ratelimit "
        "backoff slowdown"
    ),
    "many": "many much excessive",
    "too": "too",
    "insufficient": "insufficient insuf low lacking lack inadequate shortage nomore enough out",
    "unavailable": "unavailable unreachable down outage offline notavailable",
    "available": "available",
    "overload": "overload overloaded overloading congested congestion saturated overcapacity",
    "maintenance": "maintenance readonly restarting starting startup shutdown warming upgrading migrating hibernating",
    "internal": "internal unexpected unhandled fatal uncaught",
    "timeout": "timeout timedout deadline",
    "timed": "timed",
    "cancelled": "cancelled canceled cancel cancellation",
    "aborted": "aborted abort",
    "retry": "retry retriable retryable again later transient temporary temporarily",
    "long": "long large big small short huge toolong toolarge",
    "declined": "declined decline rejected reject rejection",
    "full": "full",
    "skew": "skew skewed clock drift future",
    "used": "used consumed reused reuse replay replayed redeemed spent",
    "taken": "taken use inuse occupied assigned registered linked associated attached",
    "not": "not no non isnt none cannot cant never dont doesnt neither",
    "allowed": (
        "allowed permitted authorized authorised allow enabled accessible eligible entitled authed authenticated"
    ),
    "erased": "deleted archived trashed purged",
    "ready": "ready initialized initialised provisioned",
    # What lets one in.
    "token": "token accesstoken authtoken",
    "tokens": "tokens",
    "access": "access",
    "refresh": "refresh",
    "session": "session sessions login signin sid",
    "jwt": "jwt idtoken bearer assertion saml sts sas",
    "credential": (
        "credential credentials creds authentication auth authn authz authorization authorisation "
        "authenticate authorize reauthenticate authentification"
    ),
    "key": "key keys apikey",
    "secret": "secret password passwd passphrase pwd pin",
    "certificate": "certificate cert ssl tls x509",
    "signature": "signature sig sign signed hmac",
    "client": "client application app",
    "grant": "grant",
    "oauth": "oauth",
    "scope": "scope scopes",
    "permission": "permission permissions privilege privileges role rights acl policy entitlement",
    "account": (
        "account acct tenant organization organisation org workspace merchant subscription plan license "
        "licence trial company shop"
    ),
    "user": "user users username owner principal identity member",
    "mfa": (
        "mfa otp totp tfa captcha challenge consent interaction reauth reauthentication multifactor factor "
        "twofactor webauthn sso"
    ),
    # What is allowed.
    "rate": "rate rates qps tps rpm tpm rpd frequency velocity flood throughput bandwidth traffic pacing",
    "limit": "limit limits limited limitation limiter cap ceiling maximum max threshold allowance limitexceeded",
    "quota": "quota quotas",
    "request": (
        "request requests req call calls query queries  invocation invocations transaction transactions command"
    ),
    "api": "api apis",
    "attempt": "attempt attempts tries retries",
    "connection": "connection connections socket",
    "day": "day daily days monthly month weekly week yearly annual perday permonth 24h",
    "brief": "second secondly minute minutely hourly hour burst perminute persecond permin",
    "credit": "credit credits billing money budget prepaid wallet spend spending topup recharge overdue unpaid",
    "balance": "balance",
    "funds": "funds fund",
    "usage": "usage consumption",
    "payment": "payment pay paid",
    "capacity": "capacity",
    "queue": "queue pool",
    # What has a size.
    "size": (
        "size length len body payload entity character characters char chars bytes byte header headers uri "
        "depth complexity cost context batch parameter parameters row rows column columns dimension "
        "dimensions nesting array clause clauses bucket buckets text media image duration range "
        "resolution width height"
    ),
    "storage": "storage disk space mailbox memory heap filesystem volume inbox drive",
    "item": (
        "item items record records file files object objects contact contacts project projects seat seats "
        "list lists table tables field fields recipient recipients resource resources instance instances "
        "collection collections folder folders webhook webhooks domain domains  tag tags "
        "attachment attachments entries rule rules group groups environment index"
    ),
    # Parts of an interface.
    "route": "route endpoint path url handler",
    "method": "method function action verb",
    "service": "service server backend upstream system gateway node cluster db database origin host platform provider",
    "version": "version versions revision sequence vers",
    "model": "model engine deployment",
    # What we remember of the other side.
    "slow": "slow",
    "page": "page pages",
    "write": "write writes serialization serializable",
    "chosen": (
        "job jobs event events execution executions workflow workflows run runs identifier task document documents"
    ),
    "state": "state status transition",
    "cursor": "cursor scroll iterator checkpoint snapshot pagetoken nextpage offset watermark",
    "sync": "sync delta continuation pagination paging next",
    "idempotency": "idempotency idempotent idempotence",
    "nonce": "nonce timestamp recvwindow",
    "card": "card cvc cvv iban issuer coupon promo promotion voucher discount",
    "argument": (
        "argument arguments param params value values input format type syntax json xml schema validation "
        "validate validator unprocessable constraint property attribute attributes number string integer "
        "date email phone address name currency locale language content parse parsing parser serialization "
        "deserialization encoding charset precision filter sort checksum md5 digest amount"
    ),
    "region": "region country location territory jurisdiction",
    "csrf": "csrf xsrf crumb",
    "configuration": "configuration config misconfigured misconfiguration configured unconfigured setup",
    "device": (
        "device push registration gcm fcm apns notification reset invite invitation verification "
        "confirmation upload download checkout link code share activation unsubscribe magic "
        "recovery quote offer hold reservation cart order booking listing campaign ad signup onboarding game "
        "chat meeting video stream watch"
    ),
    "server_error": "exception error errors err fault problem",
}

STEMS: MappingProxyType[str, str] = MappingProxyType(
    {word: stem for stem, words in _GROUPS.items() for word in words.split()}
)
"""Word → stem, in lower case. A plural that is not here is looked up without its `s`."""

JOINED: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "refused": ("denied", "refused"),  # of a connection, it is no matter of permission
        "operation": ("request", "operation"),
        "operations": ("request", "operation"),
        "ratelimited": ("throttle",),
        "ratelimit": ("rate", "limit"),
        "ratelimitexceeded": ("rate", "limit", "exceeded"),
        "ratelimiting": ("throttle",),
        "slowdown": ("throttle",),
        "apikey": ("api", "key"),
        "accesskey": ("access", "key"),
        "accesstoken": ("access", "token"),
        "authtoken": ("credential", "token"),
        "notfound": ("not", "found"),
        "nosuch": ("not", "found"),
        "inuse": ("taken",),
        "inprogress": ("progress",),
        "timedout": ("timeout",),
        "notauthorized": ("denied",),
        "unauth": ("denied",),
        "loggedout": ("session", "expired"),
        "toolarge": ("too", "long"),
        "toolong": ("too", "long"),
        "unsupportedversion": ("unsupported", "version"),
        "usagelimit": ("usage", "limit"),
        "editconflict": ("stale",),
    }
)
"""Compounds whose parts alone would be read otherwise."""
