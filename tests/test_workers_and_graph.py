"""`crb workers` and `crb graph`: the inventory, and who meets whom, on the sample shop and on small projects."""

from __future__ import annotations

import json
import xml.dom.minidom
from pathlib import Path
from typing import Any

import pytest

from lint_rules.cli import main

SHOP = Path(__file__).parent.parent / "fixtures" / "shop"

TASKS = """
from celery import Celery
import requests
app = Celery("p", broker="redis://localhost")
app.conf.task_routes = {"t.lost": {"queue": "nobody"}, "t.fetch": {"queue": "io", "priority": 2}}
@app.task
def fetch():
    requests.get("https://example.org", timeout=3)
@app.task
def lost():
    pass
"""


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments, "--no-cache"]) in (0, 2)
    return capsys.readouterr().out


def project(root: Path, **files: str) -> Path:
    (root / "pyproject.toml").write_text("")
    (root / "t.py").write_text(TASKS)
    for name, text in files.items():
        (root / name).write_text(text)
    return root


def nodes(graph: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in graph["nodes"] if node["kind"] == kind}


def test_the_workers_of_the_shop(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHOP)
    rows = json.loads(printed(capsys, "workers", "--output-format", "json"))
    assert len(rows) == 12
    images = next(row for row in rows if row["service"] == "worker-images")
    assert images == {
        "filename": "docker-compose.yml",
        "row": 34,
        "command": "celery -A shop.worker worker -P threads -c 8 --autoscale=8,2 -Q images",
        "app": "shop.worker",
        "pool": "threads",
        "queues": ["images"],
        "exclude_queues": None,
        "concurrency": 8,
        "autoscale": [8, 2],
        "options": {"pool": "threads", "concurrency": "8", "autoscale": "8,2", "queues": "images"},
        "service": "worker-images",
        "node": None,
        "started_from": [],
    }
    greenlets = next(row for row in rows if row["filename"].endswith("worker-notifications.yaml"))
    assert (greenlets["concurrency"], greenlets["options"]["beat"]) == (20, True)


def test_workers_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, Procfile="web: gunicorn x\nw: celery -A t worker -Q io -X slow -c ${N:-3} -P gevent\n"))
    text = printed(capsys, "workers")
    assert "Procfile:2 w: gevent -c 3, queues io without slow" in text
    assert "1 worker command." in text
    assert "No worker commands found." in printed(capsys, "workers", "t.py")


def test_only_what_stands_below_the_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path, Procfile="w: celery -A t worker\n")
    (root / "ops").mkdir()
    (root / "ops" / "Procfile").write_text("w: celery -A t worker -c 2\n")
    monkeypatch.chdir(root)
    assert [row["filename"] for row in json.loads(printed(capsys, "workers", "ops", "--output-format", "json"))] == ["ops/Procfile"]


def test_a_broken_file_is_said_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(
        project(tmp_path, **{"Procfile": "w: celery -A t worker\n", "docker-compose.yml": "services:\n  w:\n    command: [celery\n"})
    )
    assert main(["workers", "--no-cache"]) == 2
    out, err = capsys.readouterr()
    assert "Procfile:1 w" in out
    assert "docker-compose.yml" in err
    assert "Traceback" not in err


def test_the_graph_marks_what_nobody_consumes(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, Procfile="w: celery -A t worker -Q io -P gevent\n"))
    graph = json.loads(printed(capsys, "graph", "--output-format", "json"))
    queues = nodes(graph, "queue")
    assert (queues["io"]["problem"], queues["nobody"]["problem"]) == (None, "no known worker consumes it")
    assert nodes(graph, "task")["t.fetch"]["workload"] == "io"
    assert {"from": "task:t.fetch", "to": "queue:io", "label": "priority 2"} in graph["edges"]
    worker = nodes(graph, "worker")["w"]
    assert {"from": "queue:io", "to": worker["id"], "label": None} in graph["edges"]


def test_an_unknown_queue_list_marks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, Procfile="w: celery -A t worker -Q $QUEUES\n"))
    graph = json.loads(printed(capsys, "graph", "--output-format", "json"))
    assert all(node["problem"] is None for node in nodes(graph, "queue").values())
    assert "?" in nodes(graph, "queue")


def test_contradictions_are_marked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHOP)
    graph = json.loads(printed(capsys, "graph", "--output-format", "json"))
    assert "CRB204" in nodes(graph, "worker")["worker-images"]["problem"]
    assert nodes(graph, "task")["shop.tasks.notifications.render_campaign_banner"]["problem"] == "CRB210"
    assert nodes(graph, "queue")["imports"]["problem"]
    by_module = json.loads(printed(capsys, "graph", "--by", "module", "--output-format", "json"))
    assert sum(node["count"] for node in nodes(by_module, "task").values()) <= len(nodes(graph, "task"))
    assert len(by_module["nodes"]) < len(graph["nodes"])


def test_every_format_has_every_node(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    odd = 'w"<&>: celery -A t worker -Q "io" -n a\n'
    monkeypatch.chdir(project(tmp_path, Procfile=odd.replace('"<&>', "-x")))
    dot = printed(capsys, "graph")
    assert dot.startswith("digraph celery {")
    assert dot.rstrip().endswith("}")
    mermaid = printed(capsys, "graph", "--output-format", "mermaid")
    svg = printed(capsys, "graph", "--output-format", "svg")
    xml.dom.minidom.parseString(svg)
    for text in (dot, mermaid, svg):
        assert all(word in text for word in ("t.fetch", "t.lost", "nobody", "Procfile:1"))
    main(["graph", "--no-cache", "--output-format", "svg", "--output-file", "g.svg"])
    assert (tmp_path / "g.svg").read_text() == svg


def test_a_path_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "nowhere"]) == 2
    assert "nowhere: no such file or directory" in capsys.readouterr().err
