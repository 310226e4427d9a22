"""What a JSON body says of an error: codes, messages and status, from the places where errors are described.

Reads the structure that nearly all APIs share, whatever they call it: an object that describes the error, in a
container (`error`, `errors[]`, `fault`, `details[]`, `innererror`, `extensions` …) inside others. Only containers of
errors are entered, so data that an answer quotes is not mistaken for one; entries about a single field are kept apart,
because a field may be called anything. It looks at a bounded number of objects and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from operator import itemgetter
from types import MappingProxyType

from holdfast.faults.body_keys import BOX, CODE, FIELD, ROLES, STATUS, TEXT

# Objects of JSON are looked for as `dict`, which costs a tenth of asking for a `Mapping`.
_first = itemgetter(0)
_first_two = itemgetter(0, 1)
_OBJECTS_MAX = 40
_KEYS_MAX = 64
_DEPTH_MAX = 7
_TURNS = (1, 0, *range(2, _DEPTH_MAX + 2))
_ITEMS_MAX = 6
_CODES_MAX = 24
_MESSAGES_MAX = 12
_CODE_MAX_CHARS = 120
_MESSAGE_MAX_CHARS = 1_000
_CODE_FORM = re.compile(r"[A-Za-z0-9_.:/#\-]{1,200}\Z")
_TITLE_FORM = re.compile(r"[A-Za-z ]{3,40}\Z")
_NUMBER_MAX = 10**15
_SENTENCES = frozenset(
    {"message", "Message", "detail", "Detail", "exception", "id", "name", "status_message", "statusMessage"}
)
_CODE_BOXES = frozenset({"errorCode", "error_code", "code"})
_CREDENTIAL_FIELDS = frozenset({"refresh_token", "access_token", "api_key", "apikey", "client_secret", "authorization"})


class Said:
    """What was found, in the order in which it counts.

    `codes` are those of the error itself, the innermost first, as they stand; `field_codes` those of entries about
    single fields; `messages` the error's own sentences, `field_messages` those about fields; `titles` short fixed
    phrases; `status` an HTTP status that the body states.
    """

    __slots__ = ("_deep", "_said", "codes", "field_codes", "field_messages", "messages", "status", "titles")

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.field_codes: list[str] = []
        self.messages: list[str] = []
        self.field_messages: list[str] = []
        self.titles: list[str] = []
        self.status: int | None = None
        self._deep: list[tuple[int, str]] = []
        self._said: list[tuple[int, int, str]] = []

    def add_code(self, depth: int, item: str, *, of_field: bool) -> None:
        """Note a code."""
        if of_field:
            self.field_codes.append(item[:_CODE_MAX_CHARS])
        else:
            self._deep.append((-depth, item[:_CODE_MAX_CHARS]))

    def add_message(self, depth: int, rank: int, item: str, *, of_field: bool) -> None:
        """Note a sentence."""
        text = item[:_MESSAGE_MAX_CHARS].strip()
        if not text:
            return
        if of_field:
            self.field_messages.append(text)
        else:
            # The object that describes the error speaks before the answer around it, and that before details.
            self._said.append((_TURNS[depth], rank, text))

    def settle(self) -> Said:
        """Bring what was noted into its order; sorting keeps the order of the body among equals."""
        if len(self._deep) > 1:
            self._deep.sort(key=_first)
        if len(self._said) > 1:
            self._said.sort(key=_first_two)
        self.codes = list(dict.fromkeys([code for _, code in self._deep]))[:_CODES_MAX]
        self.messages = list(dict.fromkeys([text for _, _, text in self._said]))[:_MESSAGES_MAX]
        return self


def read_object(value: Mapping[object, object]) -> Said:
    """Read what an object says of an error."""
    said = Said()
    waiting: list[tuple[Mapping[object, object], int, bool, bool]] = [(value, 0, False, False)]
    seen = 0
    while waiting and seen < _OBJECTS_MAX:
        place, depth, listed, of_field = waiting.pop(0)
        seen += 1
        about_field = of_field or (listed and _names_field(place))
        if about_field and (credential := _credential_of(place)):
            said.add_code(depth, credential, of_field=False)
        for key, item in _items(place):
            role = ROLES.get(key, 0) if isinstance(key, str) else 0
            if not role or item is None or not isinstance(key, str):
                continue
            if isinstance(item, str):
                _note_text(said, key, item, role=role, depth=depth, of_field=about_field)
            elif isinstance(item, int) and not isinstance(item, bool):
                _note_number(said, item, role=role, depth=depth, of_field=about_field)
            elif role & BOX and depth < _DEPTH_MAX:
                waiting.extend(_inside(said, key, item, depth=depth + 1, of_field=about_field))
        tag = place.get(".tag")
        if isinstance(tag, str) and isinstance(inner := place.get(tag), dict):
            waiting.append((inner, depth + 1, False, about_field))
    return said.settle()


def _items(place: Mapping[object, object]) -> Iterable[tuple[object, object]]:
    return place.items() if len(place) <= _KEYS_MAX else list(place.items())[:_KEYS_MAX]


def _names_field(place: Mapping[object, object]) -> bool:
    """Whether an entry is about one field: it names it, or points at it. A GraphQL error's `path` is where it arose, not what was wrong."""
    for key, item in _items(place):
        is_field = isinstance(key, str) and ROLES.get(key, 0) & FIELD
        if is_field and item and (isinstance(item, str | dict) or key == "loc"):
            return True
    return False


def _credential_of(place: Mapping[object, object]) -> str | None:
    """`refresh_token.invalid`: an entry whose field is a credential is about the credential."""
    name, code = place.get("field"), place.get("code")
    if (
        isinstance(name, str)
        and isinstance(code, str)
        and name.lower() in _CREDENTIAL_FIELDS
        and _CODE_FORM.match(code)
    ):
        return f"{name}.{code}"
    return None


def _note_text(said: Said, key: str, item: str, *, role: int, depth: int, of_field: bool) -> None:
    if role & STATUS and item.isdecimal() and len(item) == 3:
        _note_status(said, int(item))
    if role & CODE and _CODE_FORM.match(item) and (key not in _SENTENCES or _is_enumerated(item)):
        said.add_code(depth, item, of_field=of_field)
        if role & TEXT and key != "error":
            said.add_message(depth, _RANKS.get(key, 5), item, of_field=of_field)
    elif role & (TEXT | CODE) and key != "id":
        said.add_message(depth, _RANKS.get(key, 5), item, of_field=of_field)
        if key in {"title", "error", "name", "Title"} and len(item) <= 40 and _TITLE_FORM.match(item):
            said.titles.append(item)


def _is_enumerated(item: str) -> bool:
    """Whether a single word is written the way codes are (`rate_limited`, `INVALID`, `NotFound`) and not as a sentence."""
    if item.islower() and item.isalpha():
        return False
    if any(character.isdigit() for character in item):
        return "_" in item and item.isupper()
    return (
        "_" in item or (len(item) > 4 and item.isupper()) or any(a.islower() and b.isupper() for a, b in pairwise(item))
    )


def _note_number(said: Said, item: int, *, role: int, depth: int, of_field: bool) -> None:
    if role & STATUS:
        _note_status(said, item)
    if role & CODE and abs(item) < _NUMBER_MAX:
        said.add_code(depth, str(item), of_field=of_field)


def _note_status(said: Said, status: int) -> None:
    if said.status is None and (400 <= status <= 451 or 498 <= status <= 511) and status != 499:
        said.status = status


def _inside(
    said: Said, key: str, item: object, *, depth: int, of_field: bool
) -> list[tuple[Mapping[object, object], int, bool, bool]]:
    """The objects of a container that are to be read next; its plain texts are noted at once."""
    if isinstance(item, dict):
        if key in _CODE_BOXES:
            _note_enumerations(said, item, depth, of_field=of_field)
        if key in {"errors", "error", "details", "detail", "Errors", "message"} and not _describes(item):
            return _fields(said, item, depth)
        if key == "data" and depth == 1:
            return _of_data(item)
        return [(item, depth, False, of_field)]
    found: list[tuple[Mapping[object, object], int, bool, bool]] = []
    if isinstance(item, list):
        for one in item[:_ITEMS_MAX]:
            if isinstance(one, dict):
                found.append((one, depth, True, of_field))
            elif isinstance(one, str):
                said.add_message(depth, 4, one, of_field=of_field)
            elif isinstance(one, list):
                _note_row(said, one, depth, of_field=of_field)
    return found


def _note_row(said: Said, row: list[object], depth: int, *, of_field: bool) -> None:
    """`[["RATELIMIT", "You are doing that too much.", "ratelimit"]]`: an error written as a row, its code first."""
    texts = [item for item in row[:_ITEMS_MAX] if isinstance(item, str)]
    if texts and _CODE_FORM.match(texts[0]) and _is_enumerated(texts[0]):
        said.add_code(depth, texts[0], of_field=of_field)
        for text in texts[1:]:
            if " " in text:
                said.add_message(depth, 4, text, of_field=of_field)


def _note_enumerations(said: Said, item: Mapping[object, object], depth: int, *, of_field: bool) -> None:
    """`{"errorCode": {"quotaError": "RESOURCE_EXHAUSTED"}}`: a code that stands under the name of its list."""
    for key, code in list(_items(item))[:_ITEMS_MAX]:
        if isinstance(code, str) and _CODE_FORM.match(code) and key not in ROLES:
            said.add_code(depth, code, of_field=of_field)


def _describes(place: Mapping[object, object]) -> bool:
    """Whether an object describes an error itself, rather than listing fields with what is wrong with each."""
    for key, item in _items(place):
        role = ROLES.get(key, 0) if isinstance(key, str) else 0
        if role & (CODE | TEXT | STATUS) and isinstance(item, str | int) and not isinstance(item, bool):
            return True
        if role & BOX and isinstance(item, dict | list):
            return True
    return False


def _fields(
    said: Said, place: Mapping[object, object], depth: int
) -> list[tuple[Mapping[object, object], int, bool, bool]]:
    """`{"email": ["is taken"]}`: what is wrong, by field."""
    found: list[tuple[Mapping[object, object], int, bool, bool]] = []
    for _, item in list(_items(place))[:_ITEMS_MAX]:
        for one in item[:_ITEMS_MAX] if isinstance(item, list) else (item,):
            if isinstance(one, str):
                said.add_message(depth, 4, one, of_field=True)
            elif isinstance(one, dict):
                found.append((one, depth, True, True))
    return found


def _of_data(place: Mapping[object, object]) -> list[tuple[Mapping[object, object], int, bool, bool]]:
    """Of an answer's `data`, only what is called an error."""
    found: list[tuple[Mapping[object, object], int, bool, bool]] = []
    for key in ("error", "errors"):
        item = place.get(key)
        several = item[:_ITEMS_MAX] if isinstance(item, list) else (item,)
        found.extend((one, 2, isinstance(item, list), False) for one in several if isinstance(one, dict))
    return found


_RANKS: MappingProxyType[str, int] = MappingProxyType(
    {
        "message": 0,
        "Message": 0,
        "msg": 0,
        "error_description": 0,
        "detail": 1,
        "Detail": 1,
        "description": 1,
        "title": 3,
        "error": 3,
    }
)
"""Which of several sentences in one object counts first."""
