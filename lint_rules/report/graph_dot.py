"""The graph in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.report.graph import Graph
from lint_rules.report.graph_labels import labels

SHAPES = {"task": "box", "queue": "cylinder", "worker": "component"}


def lines(graph: Graph) -> Iterator[str]:
    """A `digraph` from left to right."""
    yield "digraph celery {"
    yield '  rankdir=LR; node [fontname="Helvetica", fontsize=10]; edge [fontname="Helvetica", fontsize=9];'
    for identifier, node in labels(graph).items():
        style = ', color="#b00020", penwidth=2' if node.problem else ""
        text = "\\n".join(_escaped(line) for line in node.lines)
        yield f'  "{_escaped(identifier)}" [shape={SHAPES[node.kind]}, label="{text}"{style}];'
    for edge in graph.edges:
        label = f' [label="{_escaped(edge.label)}"]' if edge.label else ""
        yield f'  "{_escaped(edge.start)}" -> "{_escaped(edge.end)}"{label};'
    yield "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
