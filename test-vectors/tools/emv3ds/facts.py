"""Reads the data dictionary (data-elements.json, codes.json)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .expressions import compiled

VERSIONS = ("2.1.0", "2.2.0", "2.3.1")
CHANNELS = {"01": "APP", "02": "BRW", "03": "3RI"}
CATEGORIES = {"01": "PA", "02": "NPA"}
DEFAULT_FOLDER = Path(__file__).resolve().parents[3] / "acs-core" / "dictionary"

Rule = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """Tables by message or object, element and version."""

    messages: dict[str, dict[str, dict[str, Rule | None]]]
    objects: dict[str, dict[str, dict[str, Rule | None]]]

    def message(self, table: str, version: str) -> dict[str, Rule]:
        """Elements of a message in one version."""
        return _of_version(self.messages[table], version)

    def object(self, name: str, version: str) -> dict[str, Rule]:
        """Members of a nested object in one version."""
        return _of_version(self.objects[name], version)

    def all_elements(self) -> set[str]:
        """Every top-level and nested name, for searches in values."""
        names = {name for table in self.messages.values() for name in table}
        return names | {name for table in self.objects.values() for name in table}


def _of_version(table: dict[str, dict[str, Rule | None]], version: str) -> dict[str, Rule]:
    return {name: rule for name, by in table.items() if (rule := by.get(version)) is not None}


def load(folder: Path = DEFAULT_FOLDER) -> Facts:
    """Reads both files; raises ValueError when they do not have the shape that is read here."""
    elements = json.loads((folder / "data-elements.json").read_text(encoding="utf-8"))
    codes = json.loads((folder / "codes.json").read_text(encoding="utf-8"))["codes"]
    if tuple(elements["versions"]) != VERSIONS:
        raise ValueError(f"{folder}: versions {elements['versions']} instead of {VERSIONS}")
    sections: dict[str, dict[str, Any]] = {}
    for section in ("messages", "objects"):
        sections[section] = {name: table["elements"] for name, table in elements[section].items()}
        for table in sections[section].values():
            for by_version in table.values():
                _check(by_version, codes, section)
    return Facts(sections["messages"], sections["objects"])


def _check(by_version: dict[str, Rule | None], codes: dict[str, Any], section: str) -> None:
    for version, rule in by_version.items():
        if rule is None:
            continue
        for key in ("required_if", "absent_if"):
            if key in rule:
                compiled(rule[key])
        name = rule.get("codes")
        if name is not None and name not in codes:
            raise ValueError(f"{section}: enumeration {name} ({version}) is not in codes.json")
