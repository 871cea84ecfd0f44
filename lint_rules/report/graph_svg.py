"""The graph as a picture in three columns: tasks, queues, workers. Needs no other program."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from msgspec import Struct

from lint_rules.report.graph import Graph
from lint_rules.report.graph_labels import Label, labels

LINE, PADDING, GAP, BETWEEN, MARGIN = 15, 7, 12, 150, 20
"""Pixels: height of a line of text, space inside a box, between boxes of a column, between columns, around all."""

LETTER = 6.6
"""Width of a letter at 11 px in the monospaced font that is used."""

COLOURS = {"task": "#e8f0fe", "queue": "#fff4d6", "worker": "#e6f4ea"}
WRONG = "#b00020"


class Box(Struct, frozen=True):
    """Where a node is drawn."""

    x: float
    y: float
    width: float
    height: float
    label: Label


def lines(graph: Graph) -> Iterator[str]:
    """An SVG document."""
    boxes = _placed(graph)
    width = max((box.x + box.width for box in boxes.values()), default=200) + MARGIN
    height = max((box.y + box.height for box in boxes.values()), default=40) + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
        ' font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11">'
    )
    yield "<title>Tasks, queues and workers</title>"
    yield f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    for edge in graph.edges:
        start, end = boxes[edge.start], boxes[edge.end]
        x, y = start.x + start.width, start.y + start.height / 2
        to_y = end.y + end.height / 2
        half = (end.x - x) / 2
        curve = f"M{x:.0f} {y:.0f} C{x + half:.0f} {y:.0f} {end.x - half:.0f} {to_y:.0f} {end.x:.0f} {to_y:.0f}"
        yield f'<path d="{curve}" fill="none" stroke="#888"/>'
        if edge.label:
            yield f'<text x="{x + 8:.0f}" y="{y - 4:.0f}" fill="#555" font-size="9">{escape(edge.label)}</text>'
    for box in boxes.values():
        yield from _drawn(box)
    yield "</svg>"


def _drawn(box: Box) -> Iterator[str]:
    stroke, weight = (WRONG, 2) if box.label.problem else ("#5f6368", 1)
    corner = box.height / 2 if box.label.kind == "queue" else 3
    yield (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" rx="{corner:.0f}"'
        f' fill="{COLOURS[box.label.kind]}" stroke="{stroke}" stroke-width="{weight}"/>'
    )
    for place, line in enumerate(box.label.lines):
        weight_of_text = ' font-weight="bold"' if place == 0 else ""
        colour = WRONG if box.label.problem and place == len(box.label.lines) - 1 else "#202124"
        y = box.y + PADDING + LINE * (place + 0.75)
        yield f'<text x="{box.x + PADDING + 6:.0f}" y="{y:.0f}" fill="{colour}"{weight_of_text}>{escape(line)}</text>'


def _placed(graph: Graph) -> dict[str, Box]:
    """The boxes, a column for each kind; queues and workers stand level with what leads to them."""
    said = labels(graph)
    levels: dict[str, float] = {}
    boxes: dict[str, Box] = {}
    x = float(MARGIN)
    for column in (graph.tasks, graph.queues, graph.workers):
        before: dict[str, list[float]] = {}
        for edge in graph.edges:
            if edge.end in column and edge.start in levels:
                before.setdefault(edge.end, []).append(levels[edge.start])
        order = {name: sum(before[name]) / len(before[name]) if name in before else float("inf") for name in column}
        if column is graph.tasks:
            order = {name: place for place, name in enumerate(sorted(column, key=lambda name: _first_queue(graph, name)))}
        width = max([len(line) * LETTER + 2 * PADDING + 12 for name in column for line in said[name].lines], default=80.0)
        y = float(MARGIN)
        for name in sorted(column, key=lambda name: (order[name], name)):
            height = len(said[name].lines) * LINE + 2 * PADDING
            if column is not graph.tasks and order[name] < float("inf"):
                y = max(y, order[name] - height / 2)
            boxes[name] = Box(x, y, width, height, said[name])
            levels[name] = y + height / 2
            y += height + GAP
        x += width + BETWEEN
    return boxes


def _first_queue(graph: Graph, task: str) -> tuple[str, str]:
    return next((edge.end for edge in graph.edges if edge.start == task), ""), task
