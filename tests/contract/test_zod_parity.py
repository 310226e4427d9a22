"""What zod said about tens of thousands of documents, and that we say the same; see tools/zod_parity/README.md."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from holdfast.contract import UUID, ErrorDetail, parse
from holdfast.errors import BadInput
from tools.zod_parity import parity
from tools.zod_parity.cases import SHAPES, cases_of
from tools.zod_parity.refresh import ask_zod
from tools.zod_parity.strings import STRING_COUNTS, strings_of

STORED = json.loads(Path(__file__).with_name("zod_verdicts.json").read_text(encoding="utf-8"))
ZOD_DIR = os.environ.get("HOLDFAST_ZOD_DIR", "")  # read here, because tests do not see such variables
OFFSET = re.compile(r"[+-][0-9]{2}:?[0-9]{2}\Z")


def accepts(schema: str, document: object) -> bool:
    """Whether our schema of that name reads the document."""
    import holdfast.contract

    try:
        parse(getattr(holdfast.contract, schema), document)
    except BadInput:
        return False
    return True


@pytest.mark.parametrize("schema", SHAPES)
def test_accepts_refuses_and_emits_as_zod(schema: str) -> None:
    """Every document zod accepts is accepted and comes out with zod's values; every one it refuses is refused."""
    cases = list(cases_of(schema, seed=parity.SEED, count=parity.COUNTS[schema]))
    assert STORED["cases"][schema] == parity.digest(map(parity.case_text, cases)), (
        "the documents changed: refresh the verdicts"
    )

    ours = [parity.judge(case) for case in cases]

    zods = STORED["answers"][schema].split()
    differences = [(zod, our, case.document) for zod, our, case in zip(zods, ours, cases, strict=True) if zod != our]
    assert [] == differences[:5]


@pytest.mark.parametrize("schema", STRING_COUNTS)
def test_judges_strings_as_zod(schema: str) -> None:
    """A string is a URL, a time, a UUID or a reference exactly if zod says so; only times with an offset are welcome besides."""
    texts = list(strings_of(schema, seed=parity.SEED))

    ours = [accepts(schema, text) for text in texts]

    zods = [bit == "1" for bit in STORED["strings"][schema]]
    differences = [
        (zod, text)
        for zod, our, text in zip(zods, ours, texts, strict=True)
        if zod != our and not (schema == "ISODateTime" and our and OFFSET.search(text))
    ]
    assert [] == differences[:5]


def test_verdicts_cover_both_answers() -> None:
    """The stored comparison is no formality: more than 20 000 documents, thousands of them accepted, for every schema of the spec."""
    answers = [answer for said in STORED["answers"].values() for answer in said.split()]

    accepted = sum(answer != "-" for answer in answers)

    assert set(SHAPES) == set(STORED["answers"])
    assert len(answers) > 20_000
    assert 5_000 < accepted < len(answers) - 5_000


@pytest.mark.parametrize("schema", STORED["emitted"])
def test_emits_what_zod_accepted(schema: str) -> None:
    """What we emit, our own fields included, is to the letter what zod accepted when it was last asked."""
    texts = list(parity.emitted_of(schema))

    assert STORED["emitted"][schema] == parity.digest(texts)


@pytest.mark.parametrize("number", [float("nan")], ids=["nan"])
def test_refuses_what_json_cannot_say(number: float) -> None:
    """NaN is no number to zod, nor to us."""
    error = {"category": "auth_expired", "message": "m", "retryable": True, "context": {}, "statusCode": number}

    with pytest.raises(BadInput, match="statusCode: must be a number, but is NaN"):
        ErrorDetail.from_wire(error)


@pytest.mark.skipif(not ZOD_DIR, reason="HOLDFAST_ZOD_DIR names no directory with zod")
def test_zod_still_says_so() -> None:
    """Asked again, zod gives the answers that are stored."""
    for schema in SHAPES:
        cases = cases_of(schema, seed=parity.SEED, count=parity.COUNTS[schema])

        answers = ask_zod(((schema, parity.case_text(case)) for case in cases), directory=ZOD_DIR)

        said = [parity.fingerprint(json.loads(answer[1:])) if answer[0] == "1" else "-" for answer in answers]
        assert STORED["answers"][schema].split() == said


def test_reads_scalars_by_themselves() -> None:
    """A schema that is no object is read with `parse`, and its refusals have no path."""
    with pytest.raises(BadInput) as caught:
        parse(UUID, "3fa85f64", source="--id")

    assert "--id: must be a UUID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6" == str(caught.value)
