"""Pins the public names: what other people's programs may import.

    python -m tools.public_names   writes tests/tidy/public_names.toml from the code

Public is every package whose `__init__` has `__all__`. The list is read from the source, without importing it, so that
it is the same with and without extras.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

__all__ = ["current", "main", "pinned"]

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "tidy" / "public_names.toml"


def current() -> dict[str, list[str]]:
    """The public names as the code has them, by package."""
    source = ROOT / "src"
    modules = sorted((source / "holdfast").rglob("__init__.py"))
    names = {}
    for path in modules:
        parts = path.relative_to(source).with_suffix("").parts
        public = _names(path)
        if public is not None:
            names[".".join(part for part in parts if part != "__init__")] = sorted(public)
    return names


def pinned() -> dict[str, list[str]]:
    """The public names as they were agreed on."""
    document = tomllib.loads(LIST.read_text())
    return {package: list(names) for package, names in document.items()}


def main() -> int:
    """Writes the list; the difference is for the review."""
    lines = [
        "# What other people's programs may import. Written by `python -m tools.public_names`; every change needs a reason."
    ]
    for package, names in sorted(current().items()):
        lines += ["", f'"{package}" = [', *(f'    "{name}",' for name in names), "]"]
    LIST.write_text("\n".join(lines) + "\n")
    return 0


def _names(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text()).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if node_value := getattr(node, "value", None):
            for target in targets:
                if isinstance(target, ast.Name) and target.id == "__all__":
                    return [str(name) for name in ast.literal_eval(node_value)]
    return None


if __name__ == "__main__":
    sys.exit(main())
