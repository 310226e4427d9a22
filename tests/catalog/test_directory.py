"""A catalog read from files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from holdfast.catalog import directory, load_directory
from holdfast.errors import BadInput, MissingExtra

ENTRY = {
    "apiId": "crm",
    "name": "CRM",
    "version": "1",
    "baseUrl": "https://crm.example",
    "errorMappings": [],
    "quirks": {},
}
YAML = "apiId: {id}\nname: x\nversion: '1'\nbaseUrl: https://{id}.example\nerrorMappings: []\nquirks: {{}}\n"


def problems_of(path: Path) -> list[tuple[str, str, str]]:
    """File name, path and message of each problem of a directory."""
    with pytest.raises(BadInput) as refused:
        load_directory(path)
    return [(Path(problem.source).name, problem.path, problem.message) for problem in refused.value.problems]


def test_reads_json_and_yaml(tmp_path: Path) -> None:
    """Each file holds one entry or a list; other files and the directories below are left alone."""
    (tmp_path / "a.json").write_text(json.dumps([ENTRY, ENTRY | {"apiId": "shop"}]))
    (tmp_path / "b.yaml").write_text(YAML.format(id="mail"))
    (tmp_path / "c.YML").write_text(YAML.format(id="pay"))
    (tmp_path / "notes.txt").write_text("{")
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "below").mkdir()

    catalog = load_directory(str(tmp_path))

    assert [True, True, True, True] == [catalog.rules(api_id) is not None for api_id in ("crm", "shop", "mail", "pay")]


def test_tells_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    """Every file's problems come together, each with file and path."""
    bad_pattern = ENTRY | {
        "apiId": "p",
        "errorMappings": [{"pattern": "(", "category": "auth_invalid", "retryable": True}],
    }
    (tmp_path / "a.json").write_text(
        json.dumps([ENTRY, ENTRY, bad_pattern, ENTRY | {"apiId": 5, "quirks": {"maxResponseSize": 0}}, 7])
    )
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.yaml").write_text("a: [")
    (tmp_path / "d.json").write_bytes(b"\xff")

    found = problems_of(tmp_path)

    assert {
        ("a.json", "[1].apiId"), ("a.json", "[2].errorMappings[0].pattern"), ("a.json", "[3].apiId"), ("a.json", "[3].quirks.maxResponseSize"),
        ("a.json", "[4]"), ("b.json", ""), ("c.yaml", ""), ("d.json", ""),
    } == {(file, path) for file, path, _ in found}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("a.json", b"{", "line 1, column 2", id="json"),
        pytest.param("a.json", b"[" * 200_000, "nested too deeply", id="deep-json"),
        pytest.param("a.json", b"[" + b"9" * 5_000 + b"]", "number is too long", id="long-number"),
        pytest.param("a.yaml", b"a: [", "line 1", id="yaml"),
        pytest.param("a.yaml", b"a: &x [1]\nb: *x\n", "alias", id="alias"),
        pytest.param("a.yaml", b"!!python/object/apply:os.getcwd []", "not YAML", id="python-tag"),
        pytest.param("a.yaml", b"[" * 100_000, "deeper than 50", id="deep-yaml"),
        pytest.param("a.json", b"5", "object", id="no-entry"),
        pytest.param("a.yaml", b"a: 2026-99-99", "not YAML", id="impossible-date"),
        pytest.param("a.json", b"\xff", "UTF-8", id="encoding"),
        pytest.param("a.json", b" " * 1_048_577, "larger than", id="large"),
    ],
)
def test_refuses_what_cannot_be_read(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """A file that is no catalog file gets one clear message."""
    (tmp_path / name).write_bytes(content)

    found = problems_of(tmp_path)

    assert [True] == [words in message for _, _, message in found]


def test_names_a_file_that_is_a_directory(tmp_path: Path) -> None:
    """A name that looks like a file and cannot be opened is told."""
    (tmp_path / "a.json").mkdir()

    assert "cannot be read" in problems_of(tmp_path)[0][2]


def test_accepts_an_empty_directory(tmp_path: Path) -> None:
    """A directory without entries is an empty catalog."""
    assert load_directory(tmp_path).match("https://crm.example") is None


def test_names_a_missing_directory(tmp_path: Path) -> None:
    """A directory that is not there is bad input."""
    assert "cannot be read as a directory" in problems_of(tmp_path / "gone")[0][2]


def test_refuses_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of files is bounded."""
    monkeypatch.setattr(directory, "FILES_MAX", 1)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")

    assert "at most 1" in problems_of(tmp_path)[0][2]


def test_says_which_extra_reads_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the YAML package, YAML files are refused by naming the extra."""
    (tmp_path / "a.yaml").write_text("{}")
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(MissingExtra) as refused:
        load_directory(tmp_path)

    assert refused.value.extra == "durable"
