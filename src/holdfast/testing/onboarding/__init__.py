"""The demo's plan, "customer onboarding", and the world it runs against: definitions, catalog, scenario.

The files beside this module are templates: an address stands in them as `@API_URL@` or `@MAIL_URL@` until the fake API has its ports.
`holdfast demo` and the acceptance tests use them in this order:

```
secrets = make_onboarding_secrets()  # fake, new every time
api = FaultApiProcess(onboarding_scenario_path(), environment=secrets)  # or FaultApi(...) inside a test
files = render_onboarding(api.url, api.refused_url, directory)  # then run files.plan with the variables `secrets` set
```

What goes wrong: the CRM's token is expired (`crm.refresh` renews it), workspaces answer 429 with Retry-After: 2 once, the first charge is made but
never answered, mail refuses connections until 3 s after the first request, and the first enrichment service is gone (410) for good.
This module knows the files, not what recovers from them.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.errors import BadInput, Problem

__all__ = [
    "ONBOARDING_VARIABLES",
    "OnboardingFiles",
    "make_onboarding_secrets",
    "onboarding_scenario_path",
    "render_onboarding",
]

ONBOARDING_VARIABLES = ("DEMO_CRM_TOKEN", "DEMO_CRM_REFRESH_TOKEN")
"""The environment variables that the plan's definitions and the scenario read."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingFiles:
    """Where `render_onboarding` wrote things; all below one directory."""

    plan: Path
    actions: Path
    catalog: Path
    scenario: Path


def make_onboarding_secrets() -> dict[str, str]:
    """A value for each of `ONBOARDING_VARIABLES`, random and valid nowhere else; give it to the fake API and to the worker alike."""
    return {name: secrets.token_urlsafe(24) for name in ONBOARDING_VARIABLES}


def onboarding_scenario_path() -> Path:
    """The scenario for `FaultApi`; it needs `ONBOARDING_VARIABLES` in its environment and has no addresses in it."""
    return _HERE / "scenario.json"


def render_onboarding(api_url: str, mail_url: str, directory: str | Path) -> OnboardingFiles:
    """Write the plan, its definitions, the catalog entries and the scenario into a directory, with the addresses filled in.

    `api_url` is the fake API's main address and `mail_url` the one that refuses at first, both without a path. The directory is made when it
    is missing. Files of the same names are written over, so calling twice is safe. No secret is written.

    Raises:
        BadInput: an address is not an http address without a path, or the directory cannot be written.
    """
    problems = [
        Problem(source=name, path="", message=f"must look like http://127.0.0.1:8080, not {url!r}")
        for name, url in (("api_url", api_url), ("mail_url", mail_url))
        if not _is_address(url)
    ]
    if problems:
        raise BadInput(problems)
    target = Path(directory)
    files = OnboardingFiles(
        plan=target / "plan.json",
        actions=target / "actions.json",
        catalog=target / "catalog",
        scenario=target / "scenario.json",
    )
    try:
        files.catalog.mkdir(parents=True, exist_ok=True)
        for source in (
            _HERE / "plan.json",
            _HERE / "actions.json",
            _HERE / "scenario.json",
            *sorted((_HERE / "catalog").glob("*.yaml")),
        ):
            text = source.read_text(encoding="utf-8").replace("@API_URL@", api_url).replace("@MAIL_URL@", mail_url)
            (target / source.relative_to(_HERE)).write_text(text, encoding="utf-8")
    except OSError as err:
        raise BadInput(
            [
                Problem(
                    source=str(target), path="", message=f"cannot be written: {err.strerror}; choose another directory"
                )
            ]
        ) from err
    return files


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and url == f"{parts.scheme}://{parts.netloc}"
        and json.dumps(url) == f'"{url}"'
    )
