"""Writes what the documentation takes from the code: `python -m docs.generate` (`--check` only says what differs).

Made are a page a rule (from the docstrings), the rule tables of docs/rules.md and README.md, and the settings with their JSON schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lint_rules.rules.registry import HEADINGS, Rule, all_rules
from lint_rules.settings import Settings

ROOT = Path(__file__).parent.parent
FAMILIES = {
    "CRB0": "The run itself",
    "CRB1": "How a task is declared",
    "CRB2": "Pools, queues, priority",
    "CRB3": "Cache keys",
    "CRB4": "Blocking work",
    "CRB5": "Sending, retrying, composing",
    "CRB6": "Redis",
    "CRB7": "APIs that are not there",
}


def pages() -> Iterator[tuple[Path, str]]:
    """Every generated file and its text."""
    rules = list(all_rules().values())
    for rule in rules:
        yield ROOT / "docs" / "rules" / f"{rule.code}.md", rule_page(rule)
    yield ROOT / "docs" / "rules.md", "# Rules\n\n" + rules_table(rules, "rules/")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    yield ROOT / "README.md", replaced(readme, "rules", rules_table(rules, "docs/rules/"))
    yield ROOT / "docs" / "settings.md", settings_page()
    yield ROOT / "docs" / "settings.schema.json", json.dumps(settings_schema(), indent=2) + "\n"


def rule_page(rule: Rule) -> str:
    """A rule's page."""
    marks = [f"severity **{rule.severity}**", f"fix: **{rule.fix or 'none'}**"]
    if rule.convention:
        marks.append("convention (off in the profile `core`)")
    if rule.optional:
        marks.append("off until selected by its code")
    lines = [f"# {rule.code} {rule.name}", "", " · ".join(marks), ""]
    for heading in HEADINGS:
        lines += [f"## {heading}", "", rule.section(heading), ""]
    return "\n".join(lines).rstrip() + "\n"


def rules_table(rules: list[Rule], folder: str) -> str:
    """All rules, a table a family."""
    parts: list[str] = []
    for prefix, title in FAMILIES.items():
        family = [rule for rule in rules if rule.code.startswith(prefix)]
        if not family:
            continue
        parts += [f"### {title}", "", "| Code | Name | What it does | Severity | Fix |", "|---|---|---|---|---|"]
        for rule in family:
            marks = " (convention)" if rule.convention else " (off by default)" if rule.optional else ""
            summary = rule.summary.replace("|", "\\|")
            link = f"[{rule.code}]({folder}{rule.code}.md)"
            parts.append(f"| {link} | {rule.name}{marks} | {summary} | {rule.severity} | {rule.fix or '-'} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def settings_schema() -> dict[str, Any]:
    """The JSON schema of `[tool.crb]`."""
    (_,), components = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    schema = components["Settings"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "additionalProperties": False}


def settings_page() -> str:
    """A table of all settings."""
    defaults = msgspec.to_builtins(Settings())
    lines = [
        "# Settings",
        "",
        "All keys of `[tool.crb]` in pyproject.toml. `crb config` shows what is in effect; a JSON schema is in",
        "[settings.schema.json](settings.schema.json).",
        "",
        "| Key | What it sets | Default |",
        "|---|---|---|",
    ]
    for name, facts in settings_schema()["properties"].items():
        description = facts.get("description", "").replace("|", "\\|")
        lines.append(f"| `{name}` | {description} | `{json.dumps(defaults[name])}` |")
    return "\n".join(lines) + "\n"


def replaced(text: str, name: str, content: str) -> str:
    """A text with what stands between `<!-- name -->` and `<!-- /name -->` replaced."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content}\n{end}{after}"


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that differ (exit code 1)."""
    stale = []
    for path, text in pages():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT))
            if "--check" not in arguments:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    known = {rule.code for rule in all_rules().values()}
    for path in (ROOT / "docs" / "rules").glob("CRB*.md"):
        if path.stem not in known:
            stale.append(path.relative_to(ROOT))
            if "--check" not in arguments:
                path.unlink()
    for each in stale:
        print(f"{'differs' if '--check' in arguments else 'written'}: {each}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
