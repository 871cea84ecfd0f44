"""The graph in the language of Mermaid, as Markdown pages show it."""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.report.graph import Graph
from lint_rules.report.graph_labels import labels

SHAPES = {"task": ('["', '"]'), "queue": ('[("', '")]'), "worker": ('[["', '"]]')}


def lines(graph: Graph) -> Iterator[str]:
    """A `flowchart` from left to right."""
    yield "flowchart LR"
    names: dict[str, str] = {}
    for place, (identifier, node) in enumerate(labels(graph).items()):
        names[identifier] = f"n{place}"
        before, after = SHAPES[node.kind]
        text = "<br/>".join(_escaped(line) for line in node.lines)
        yield f"  n{place}{before}{text}{after}{':::problem' if node.problem else ''}"
    for edge in graph.edges:
        label = f"|{_escaped(edge.label)}|" if edge.label else ""
        yield f"  {names[edge.start]} -->{label} {names[edge.end]}"
    yield "  classDef problem stroke:#b00020,stroke-width:3px"


def _escaped(text: str) -> str:
    """Text with the characters that Mermaid reads as its own written as entities."""
    return "".join(f"#{ord(character)};" if character in '"<>|#&;' else character for character in text)
