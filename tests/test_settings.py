"""Settings: where they come from, which one wins, and how a wrong one is refused."""

from __future__ import annotations

import math
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given, strategies as st

from holdfast import settings
from holdfast.errors import BadSettings
from holdfast.settings import Recovery, Setting, Settings, Worker, load, table
from tests.planted import API_KEY, MARK, PASSWORD

NUMERIC = [setting for setting in table() if setting.kind not in {"text", "truth"}]
TRUTHS = [setting for setting in table() if setting.kind == "truth"]
CHOSEN = [setting for setting in table() if setting.choices]


def _by_name(setting: Setting) -> str:
    return setting.name


def _neighbours(name: str) -> dict[str, object]:
    """Values that leave `name` free to take any value of its range."""
    others: dict[str, object] = {
        "worker.heartbeat_interval_s": 0.1,
        "worker.takeover_after_s": 3600,
        "recovery.backoff_initial_s": 0,
        "recovery.backoff_max_s": 86_400,
        "http.inline_output_max_bytes": 0,
        "http.response_size_max_bytes": 1_073_741_824,
    }
    return {other: value for other, value in others.items() if other != name}


def _write(directory: Path, text: str) -> Path:
    path = directory / "holdfast.toml"
    path.write_text(text)
    return path


def _problems_of(**arguments: object) -> list[tuple[str, str]]:
    with pytest.raises(BadSettings) as caught:
        load(**arguments)  # type: ignore[arg-type]  # each test gives what it means to give
    return [(problem.source, problem.path) for problem in caught.value.problems]


def test_reads_nothing_but_defaults_where_nothing_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments, variables and a file, every setting has its documented default."""
    monkeypatch.chdir(tmp_path)

    loaded = load(environ={})

    assert Settings() == loaded
    assert {setting.name: setting.default for setting in table()} == {s.name: loaded.value(s.name) for s in table()}
    assert {"default"} == {loaded.origin(setting.name) for setting in table()}


def test_every_default_is_in_its_own_range() -> None:
    """No default is one that we would refuse from a user."""
    refused = [s.name for s in table() if s.default is not None and s.problem_with(s.default)]

    assert [] == refused


@pytest.mark.parametrize(
    ("given_in", "expected", "origin"),
    [
        pytest.param((), 16, "default", id="nowhere"),
        pytest.param(("file",), 1, "file", id="file"),
        pytest.param(("file", "environment"), 2, "HOLDFAST_WORKER_CONCURRENCY", id="environment-beats-file"),
        pytest.param(("file", "environment", "argument"), 3, "argument", id="argument-beats-all"),
        pytest.param(("file", "argument"), 3, "argument", id="argument-beats-file"),
    ],
)
def test_the_nearest_place_wins(tmp_path: Path, given_in: tuple[str, ...], expected: int, origin: str) -> None:
    """Arguments beat the environment, the environment beats the file, the file beats the default."""
    path = _write(tmp_path, "[worker]\nconcurrency = 1\n" if "file" in given_in else "")
    environ = {"HOLDFAST_WORKER_CONCURRENCY": "2"} if "environment" in given_in else {}
    arguments = {"worker.concurrency": 3 if "argument" in given_in else None}

    loaded = load(arguments=arguments, environ=environ, config_path=path)

    assert expected == loaded.worker.concurrency
    assert (str(path) if origin == "file" else origin) == loaded.origin("worker.concurrency")


def test_finds_the_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holdfast.toml where the command is run needs no mention."""
    _write(tmp_path, '[deployment]\nname = "harbour"\n')
    monkeypatch.chdir(tmp_path)

    loaded = load(environ={})

    assert "harbour" == loaded.deployment.name


def test_an_empty_variable_counts_as_not_set() -> None:
    """Unsetting a variable and setting it to nothing are the same."""
    loaded = load(environ={"HOLDFAST_WORKER_CONCURRENCY": ""})

    assert 16 == loaded.worker.concurrency


@given(setting=st.sampled_from(NUMERIC), fraction=st.floats(0, 1))
def test_accepts_the_whole_range_from_every_place(setting: Setting, fraction: float) -> None:
    """Any value between the documented limits works, as an argument and as a variable alike."""
    assert setting.low is not None
    assert setting.high is not None
    value: float = setting.low + fraction * (setting.high - setting.low)
    value = round(value) if setting.kind == "integer" else value

    argument = load(arguments={**_neighbours(setting.name), setting.name: value}, environ={})
    variable = load(arguments=_neighbours(setting.name), environ={setting.variable: repr(value)})

    assert value == argument.value(setting.name)
    assert value == variable.value(setting.name)


@given(setting=st.sampled_from(NUMERIC), beyond=st.floats(1e-3, 1e9), is_above=st.booleans())
def test_refuses_what_lies_outside_the_range(setting: Setting, beyond: float, is_above: bool) -> None:
    """A value beyond a limit is refused by name, with the range and the unit."""
    assert setting.low is not None
    assert setting.high is not None
    value: float = setting.high + beyond if is_above else setting.low - beyond
    value = (math.ceil(value) if is_above else math.floor(value)) if setting.kind == "integer" else value

    with pytest.raises(BadSettings) as caught:
        load(arguments={**_neighbours(setting.name), setting.name: value}, environ={})

    assert [setting.name] == [problem.path for problem in caught.value.problems]
    assert f"{setting.range} {setting.unit}" in str(caught.value)


@pytest.mark.parametrize("value", [True, "many", "", None, math.nan, math.inf, [1], "1;2"], ids=repr)
@pytest.mark.parametrize("setting", NUMERIC, ids=_by_name)
def test_refuses_what_is_no_number(setting: Setting, value: object) -> None:
    """A truth value, a word, a list or "not a number" is never taken for a quantity."""
    message = setting.problem_with(value)

    assert message is not None


@pytest.mark.parametrize("value", [0, 1, "yes", "", None, [True]], ids=repr)
@pytest.mark.parametrize("setting", TRUTHS, ids=_by_name)
def test_refuses_what_is_neither_true_nor_false(setting: Setting, value: object) -> None:
    """A switch is on or off; a number or a word is never taken for one."""
    assert setting.problem_with(value) is not None
    assert setting.problem_with(False) is None


@pytest.mark.parametrize("setting", CHOSEN, ids=_by_name)
def test_refuses_a_word_that_is_not_offered(setting: Setting) -> None:
    """Where there is a choice of words, another word is refused and the choices are listed."""
    message = setting.problem_with("other")

    assert message is not None
    assert all(choice in message for choice in setting.choices)


def test_reports_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    """One run of a wrong configuration shows all its problems, each with its place."""
    path = _write(tmp_path, '[worker]\nconcurrency = "4"\nspeed = 3\n[sweep]\ninterval_s = true\n')

    found = _problems_of(
        arguments={"http.redirects_max": 1000, "http.redirect_max": 1},
        environ={"HOLDFAST_POSTGRES_POOL_SIZE": "ten"},
        config_path=path,
    )

    expected = [
        ("HOLDFAST_POSTGRES_POOL_SIZE", "postgres.pool_size"),
        ("argument", "http.redirect_max"),
        ("argument", "http.redirects_max"),
        (str(path), "sweep.interval_s"),
        (str(path), "worker.concurrency"),
        (str(path), "worker.speed"),
    ]
    assert sorted(expected) == sorted(found)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        pytest.param("[worker]\nconcurency = 4", "Did you mean worker.concurrency?", id="misspelt-key"),
        pytest.param("[htttp]\nredirects_max = 4", "Did you mean http.redirects_max?", id="misspelt-section"),
        pytest.param("zebra = 4", "holdfast config show", id="nothing-like-it"),
        pytest.param("[worker.concurrency]\nvalue = 4", "give a whole number", id="nested-too-deep"),
    ],
)
def test_refuses_unknown_keys_with_the_nearest_name(tmp_path: Path, text: str, suggestion: str) -> None:
    """A misspelt key stops the program and names the key that was probably meant."""
    path = _write(tmp_path, text)

    with pytest.raises(BadSettings) as caught:
        load(environ={}, config_path=path)

    assert suggestion in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param(b"[worker\n", "is not TOML", id="not-toml"),
        pytest.param(b"name = '\xff'", "is not UTF-8", id="not-text"),
        pytest.param(b"#" * 1_048_577, "larger than", id="too-large"),
    ],
)
def test_refuses_a_file_it_cannot_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A configuration file that was named but cannot be used is an error, never ignored."""
    path = tmp_path / "named.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadSettings) as caught:
        load(environ={}, config_path=path)

    assert message in str(caught.value)
    assert str(path) == caught.value.problems[0].source


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param(
            {"worker.takeover_after_s": 14.9}, "worker.takeover_after_s", id="takeover-within-three-heartbeats"
        ),
        pytest.param({"recovery.backoff_initial_s": 61}, "recovery.backoff_max_s", id="first-wait-above-the-longest"),
        pytest.param(
            {"http.response_size_max_bytes": 1024}, "http.inline_output_max_bytes", id="inline-above-the-limit"
        ),
    ],
)
def test_refuses_settings_that_contradict_each_other(arguments: dict[str, object], name: str) -> None:
    """Two settings that are fine alone but not together are refused at the start."""
    found = _problems_of(arguments=arguments, environ={})

    assert [name] == [path for _, path in found]


@pytest.mark.parametrize(("heartbeat_s", "takeover_s"), [(5, 15), (0.1, 0.3)], ids=["whole", "fractions"])
def test_three_heartbeats_are_enough(heartbeat_s: float, takeover_s: float) -> None:
    """A takeover after exactly three heartbeats is accepted, whatever binary fractions make of it."""
    loaded = load(
        arguments={"worker.heartbeat_interval_s": heartbeat_s, "worker.takeover_after_s": takeover_s}, environ={}
    )

    assert takeover_s == loaded.worker.takeover_after_s


def test_refuses_wrong_values_in_code_as_well() -> None:
    """A section built in Python is checked like one that was read."""
    with pytest.raises(BadSettings, match=r"worker\.concurrency"):
        Worker(concurrency=0)
    with pytest.raises(BadSettings, match=r"recovery\.backoff_max_s"):
        Settings(recovery=Recovery(backoff_initial_s=10, backoff_max_s=9))


SECRETS = {
    "HOLDFAST_SECRET_KEY": API_KEY,
    "HOLDFAST_DATABASE_URL": f"postgresql://ana:{quote_plus(PASSWORD)}@db/plans?sslpassword={quote_plus(PASSWORD)}",
}


def test_never_shows_a_secret() -> None:
    """Keys and passwords stay hidden wherever settings are printed."""
    loaded = load(environ=SECRETS)

    printed = f"{loaded!r} {loaded} {[loaded.shown(setting.name) for setting in table()]}"

    assert MARK not in printed
    assert "postgresql://ana:(hidden)@db/plans?sslpassword=(hidden)" == loaded.shown("database.url")
    assert "(hidden)" == loaded.shown("secret.key")


def test_hides_all_of_a_password_with_an_at_sign() -> None:
    """A password that was not encoded properly is hidden whole."""
    loaded = load(environ={"HOLDFAST_DATABASE_URL": "postgresql://ana:horse@staple/x@db/plans"})

    assert "postgresql://ana:(hidden)@db/plans" == loaded.shown("database.url")


@pytest.mark.parametrize("name", ["secret.key", "database.url"])
def test_never_repeats_a_secret_in_a_refusal(name: str) -> None:
    """A refused secret is not printed with its refusal."""
    with pytest.raises(BadSettings) as caught:
        load(arguments={name: ["correct-horse"]}, environ={})

    assert "correct-horse" not in str(caught.value)


def test_lists_variables_that_set_nothing() -> None:
    """A misspelt variable can be found in `config show`, though it stops nothing."""
    loaded = load(environ={"HOLDFAST_WORKER_CONCURENCY": "4", "HOLDFAST_WORKER_CONCURRENCY": "5", "HOME": "x"})

    assert ("HOLDFAST_WORKER_CONCURENCY",) == loaded.variables_unread


def test_every_setting_says_what_it_is() -> None:
    """Each setting has a meaning; each quantity has a unit and a range."""
    without_meaning = [s.name for s in table() if not s.meaning.endswith(".")]
    without_range = [s.name for s in NUMERIC if not s.unit or s.low is None or s.high is None]

    assert ([], []) == (without_meaning, without_range)
    assert len({s.variable for s in table()}) == len(table())


def test_an_unknown_name_is_a_programming_error() -> None:
    """Asking for a setting that does not exist fails at once."""
    with pytest.raises(KeyError):
        settings.Settings().value("worker.speed")
