"""The names under which APIs put the code, the message and the parts of an error, each in the spellings that occur.

One table from name to role, so that reading a body is one look-up per key.
"""

from __future__ import annotations

from types import MappingProxyType

CODE, TEXT, BOX, FIELD, STATUS = 1, 2, 4, 8, 16
"""What a key holds: a code, a sentence, further objects, the name of a field, an HTTP status; roles add up."""

_NAMES: tuple[tuple[int, str], ...] = (
    (CODE | STATUS | BOX, "code"),
    (CODE | STATUS | BOX, "error code"),
    (CODE | STATUS, "errcode|err code|errorcode|fault code|faultcode|exception code|sub code|error subcode|substatus"),
    (CODE | TEXT | BOX, "reason|error|err"),
    (CODE, "s code|error class|error group"),
    (TEXT, "s msg|sub msg|long message|short message|result|info"),
    (BOX, "json"),
    (
        CODE,
        "issue code|error type|error name|error key|error id|message id|message key|message code|result code|ret code|retcode",
    ),
    (
        CODE,
        "type|__type|.tag|name|category|slug|scim type|classification|policy name|symbol|exception type|decline code",
    ),
    (CODE | BOX, "issue"),
    (CODE, "id|ecode"),
    (CODE | STATUS | BOX, "status"),
    (STATUS | CODE, "status code|http status|http code|http status code|response code"),
    (TEXT | BOX | CODE, "message|detail|exception"),
    (
        TEXT,
        (
            "msg|error description|description|title|error message|error msg|errmsg|err msg|error summary|error text|faultstring|"
            "fault string|diagnostics|developer message|user message|localized message|explanation|text|error detail|hint|"
            "exception message|ret msg|result message|response message|status text"
        ),
    ),
    (TEXT | CODE, "status message"),
    (BOX | TEXT, "details|errors|error messages|error details|error list"),
    (
        BOX,
        (
            "fault|faults|_error|sys|inner error|innererror|root cause|extensions|meta|response|data|error result|error causes|causes|"
            "issues|violations|response status|error info|problems|exceptions|request error|service exception|policy exception|"
            "result info|field violations|header|head|notification|notifications|messages|warnings_and_errors|additional info|"
            "error data|validation errors|invalid params|non field errors|failure|failures|error response|response metadata"
        ),
    ),
    (
        FIELD,
        "field|fields|field name|param|parameter|path|pointer|property|property path|attribute|loc|source|name_of_field",
    ),
)


def _spellings(name: str) -> set[str]:
    """`error code` as `errorCode`, `ErrorCode`, `error_code`, `error-code`, `errorcode` and `ERROR_CODE`."""
    first, *rest = name.split(" ")
    tails = [word.capitalize() for word in rest]
    joined = {first + "".join(tails), first.capitalize() + "".join(tails), first + "".join(rest)}
    return joined | {"_".join([first, *rest]), "-".join([first, *rest]), "_".join([first, *rest]).upper()}


def _roles() -> dict[str, int]:
    found: dict[str, int] = {}
    for role, names in _NAMES:
        for name in names.split("|"):
            for spelling in _spellings(name):
                found[spelling] = found.get(spelling, 0) | role
    return found


ROLES: MappingProxyType[str, int] = MappingProxyType(_roles())
"""Key → roles."""
