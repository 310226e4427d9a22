"""What a person pastes becomes a written-down call: an HTTP answer as `curl -i` or `curl -v` prints it, a traceback, or a case as JSON.

Pure: text in, the object that `holdfast.faults.cases` reads out. It takes what it understands and drops what it does
not; it never guesses a status. Linear in the text, of which it reads the first `TEXT_MAX_CHARS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from types import MappingProxyType

TEXT_MAX_CHARS = 2_000_000

_STATUS_LINE = re.compile(r"HTTP/[0-9.]{1,5} ([1-5][0-9]{2})(?: |\Z)")
_REQUEST_LINE = re.compile(r"([A-Z]{3,10}) (\S{1,4000}) HTTP/[0-9.]{1,5}\Z")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~\-]{1,200}):[ \t]{0,20}(.{0,20000})\Z")
_RAISED = re.compile(
    r"([A-Za-z_][A-Za-z0-9_]{0,100}(?:\.[A-Za-z_][A-Za-z0-9_]{0,100}){0,12})(?:: (.{0,8000}))?\Z", re.DOTALL
)
# Where clients name the address in an exception's text: requests and httpx ("for url"), aiohttp ("url="), urllib3 (its pool, then the path).
_SAID_URL = re.compile(r"(?:\bfor url:? '?|\burl=(?:URL\()?')(https?://[^\s'\"<>]{1,2000})")
_POOL = re.compile(
    r"\b(HTTPS?)ConnectionPool\(host='([A-Za-z0-9.\-]{1,253})', port=([0-9]{1,5})\)(?:[^\n]{0,200}? with url: (/[^\s'\"<>]{0,2000}))?"
)
_TREE = re.compile(r"[ ]{0,40}(?:\+-[^\n]{0,160}|[|+] ?)")
_CURL_FAILED = re.compile(r"curl: \(([0-9]{1,3})\) (.{0,1000})")
_TRACE_HEAD = "Traceback (most recent call last):"
_BECAUSE = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)

# curl's own exit codes (curl.se, "Exit codes") and the exceptions that mean the same here.
_CURL_ERRORS: MappingProxyType[str, str] = MappingProxyType(
    {
        "3": "httpx2.InvalidURL",
        "5": "httpx2.ProxyError",
        "6": "socket.gaierror",
        "7": "ConnectionRefusedError",
        "16": "httpx2.RemoteProtocolError",
        "18": "http.client.IncompleteRead",
        "28": "TimeoutError",
        "35": "httpx2.ConnectError",
        "47": "httpx2.TooManyRedirects",
        "52": "http.client.RemoteDisconnected",
        "55": "BrokenPipeError",
        "56": "ConnectionResetError",
        "60": "ssl.SSLCertVerificationError",
        "61": "httpx2.DecodingError",
        "92": "httpx2.RemoteProtocolError",
    }
)


def read_pasted(text: str) -> dict[str, object] | None:
    """The call that a text shows, in the corpus's form and without `observed_at`; `None` when nothing in it is known.

    Of several answers (`100 Continue`, redirects followed, a proxy's own) the last counts. Of a chain of exceptions the last one is
    what was raised, and the ones above it are its causes.
    """
    text = text[:TEXT_MAX_CHARS].replace("\r\n", "\n").strip("\ufeff\n ")
    if text.startswith("{"):
        return _case(text)
    return _answer(text) or _traceback(text) or _curl_failure(text) or _line(text)


def _case(text: str) -> dict[str, object] | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and ("status" in value or "exception" in value) else None


# --- answers ---


def _answer(text: str) -> dict[str, object] | None:
    is_verbose = "\n< HTTP/" in text or text.startswith("< HTTP/")
    lines = text.split("\n")
    marks = [index for index, line in enumerate(lines) if _STATUS_LINE.match(_unmarked(line))]
    if not marks:
        return None
    begin = marks[-1]
    found = _STATUS_LINE.match(_unmarked(lines[begin]))
    assert found is not None, "the mark was set by this very match"
    headers, rest = _headers(lines[begin + 1 :], is_verbose=is_verbose)
    body = "\n".join(line for line in rest if not (is_verbose and line[:2] in {"* ", "{ ", "} ", "< ", "> "}))
    case: dict[str, object] = {
        "kind": "http",
        "status": int(found[1]),
        "headers": headers,
        "body": body.strip("\n"),
    }
    return case | _request(lines[:begin])


def _headers(lines: Sequence[str], *, is_verbose: bool) -> tuple[dict[str, str], Sequence[str]]:
    headers: dict[str, str] = {}
    for index, line in enumerate(lines):
        if is_verbose and line.startswith("* "):
            continue
        plain = _unmarked(line)
        if not plain.strip() or line.strip() == "<":
            return headers, lines[index + 1 :]
        found = _HEADER.match(plain)
        if found is None:
            return headers, lines[index:]
        headers[found[1]] = found[2]
    return headers, ()


def _request(lines: Sequence[str]) -> dict[str, object]:
    """Method and address of the last request above the answer, as `curl -v` shows them with `>`."""
    request, host = None, None
    for line in lines:
        plain = line.removeprefix("> ")
        if found := _REQUEST_LINE.match(plain.strip()):
            request, host = found, None
        elif request is not None and (header := _HEADER.match(plain)) and header[1].lower() == "host":
            host = header[2].strip()
    if request is None:
        return {}
    path = request[2]
    return {"method": request[1], "url_path": f"https://{host}{path}" if host and path.startswith("/") else path}


def _unmarked(line: str) -> str:
    return line.removeprefix("< ")


def _curl_failure(text: str) -> dict[str, object] | None:
    found = _CURL_FAILED.search(text)
    if found is None:
        return None
    raised = _CURL_ERRORS.get(found[1], "OSError")
    return {"kind": "exception", "exception": {"type": raised, "message": found[2], "cause_types": []}}


# --- exceptions ---


def _traceback(text: str) -> dict[str, object] | None:
    if _TRACE_HEAD not in text and "Exception Group Traceback" not in text:
        return None
    raised: list[tuple[str, str]] = []
    for line in _blocks(text):
        found = _RAISED.match(line)
        if found is not None:
            raised.append((found[1], found[2] or ""))
    if not raised:
        return None
    name, message = raised[-1]
    causes = [cause for cause, _ in reversed(raised[:-1])]
    return _raised(name, message, causes)


def _raised(name: str, message: str, causes: Sequence[str]) -> dict[str, object]:
    """An exception, with the address that its text names, so that the API is known by it."""
    case: dict[str, object] = {
        "kind": "exception",
        "exception": {"type": name, "message": message, "cause_types": list(causes)},
    }
    if found := _SAID_URL.search(message):
        return case | {"url_path": found[1]}
    if found := _POOL.search(message):
        return case | {"url_path": f"{found[1].lower()}://{found[2]}:{found[3]}{found[4] or '/'}"}
    return case


def _blocks(text: str) -> Sequence[str]:
    """The lines that say what was raised: not indented, after a traceback's frames, each with the lines that continue its message."""
    found: list[list[str]] = []
    is_frames = is_open = False
    for raw in text.split("\n"):
        line = _TREE.sub("", raw, count=1) if raw.startswith(" ") and _TREE.match(raw) else raw
        if _TRACE_HEAD in line or "Exception Group Traceback" in line:
            is_frames, is_open = True, False
        elif line.strip() in _BECAUSE:
            is_open = False
        elif line.startswith((" ", "\t")) or not line.strip():
            is_open = is_open and bool(line.strip())
        elif is_frames:
            found.append([line])
            is_frames, is_open = False, True
        elif is_open:
            found[-1].append(line)
    return ["\n".join(block) for block in found]


def _line(text: str) -> dict[str, object] | None:
    """A single line such as `httpx.ConnectError: [Errno 111] Connection refused`."""
    found = _RAISED.match(text)
    if found is None or not _is_exception(found[1]):
        return None
    return _raised(found[1], found[2] or "", ())


def _is_exception(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.endswith(("Error", "Exception", "Timeout", "Cancelled", "Interrupt", "Exit", "Warning")) or "." in name
