"""Ask the real zod again and write down what it said: `python -m tools.zod_parity.refresh`.

Needs `node` and the variable HOLDFAST_ZOD_DIR. Ends with 1, and writes nothing, when zod refuses something that we emit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import holdfast.contract
from holdfast.contract import WireModel
from tools.zod_parity.cases import OURS, SHAPES, cases_of
from tools.zod_parity.parity import COUNTS, SEED, case_text, digest, emitted_of, fingerprint
from tools.zod_parity.strings import STRING_COUNTS, strings_of

__all__ = ["ask_zod", "main"]

HERE: Final = Path(__file__).parent
VERDICTS: Final = HERE.parents[1] / "tests" / "contract" / "zod_verdicts.json"


def ask_zod(questions: Iterable[tuple[str, str]], *, directory: str = "") -> list[str]:
    """zod's answers to (schema name, JSON text): `0` for refused, else `1` and the parsed output as JSON.

    `directory` is the one with `node_modules/zod` in it; without it HOLDFAST_ZOD_DIR says so.

    Raises:
        subprocess.CalledProcessError: node or zod is not there.
    """
    lines = "".join(f"{schema} {text}\n" for schema, text in questions)
    environment = os.environ | ({"HOLDFAST_ZOD_DIR": directory} if directory else {})
    command = ["node", str(HERE / "verdicts.mjs")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, env=environment)  # noqa: S603 # our own script
    return done.stdout.splitlines()


def main() -> int:
    """Refresh the stored verdicts."""
    answers = {schema: _answers(schema) for schema in SHAPES}
    emitted = {schema: list(emitted_of(schema)) for schema in SHAPES if _is_document(schema)}
    refused = [
        f"{schema}: {text[:300]}"
        for schema, texts in emitted.items()
        for text, answer in zip(texts, ask_zod((schema, text) for text in texts), strict=True)
        if answer == "0"
    ]
    if refused:
        print("zod refuses what we emit:", *refused[:20], sep="\n  ")
        return 1
    stored = {
        "zod": "3.25.76",
        "seed": SEED,
        "cases": {
            schema: digest(case_text(case) for case in cases_of(schema, seed=SEED, count=COUNTS[schema]))
            for schema in SHAPES
        },
        "emitted": {schema: digest(texts) for schema, texts in emitted.items()},
        "strings": {schema: _bits(schema) for schema in STRING_COUNTS},
        "answers": {schema: " ".join(said) for schema, said in answers.items()},
    }
    VERDICTS.write_text(json.dumps(stored, indent=0) + "\n", encoding="utf-8")
    said = [answer for schema_answers in answers.values() for answer in schema_answers]
    print(
        f"{len(said)} documents, {len(said) - said.count('-')} of them accepted; {sum(STRING_COUNTS.values())} strings"
    )
    print(f"{sum(map(len, emitted.values()))} documents of ours, all accepted; {VERDICTS.name} written")
    return 0


def _answers(schema: str) -> list[str]:
    questions = [(schema, case_text(case)) for case in cases_of(schema, seed=SEED, count=COUNTS[schema])]
    return [fingerprint(json.loads(answer[1:])) if answer[0] == "1" else "-" for answer in ask_zod(questions)]


def _bits(schema: str) -> str:
    texts = strings_of(schema, seed=SEED)
    return "".join(answer[0] for answer in ask_zod((schema, json.dumps(text)) for text in texts))


def _is_document(schema: str) -> bool:
    kind = getattr(holdfast.contract, schema)
    return schema in OURS or (isinstance(kind, type) and issubclass(kind, WireModel))


if __name__ == "__main__":
    sys.exit(main())
