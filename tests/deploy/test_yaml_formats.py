"""Which commands, Redis servers and variables come out of YAML files, and does each character keep its place?"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lint_rules.deploy.formats import Broken, Said
from lint_rules.deploy.formats.environment_file import variables_of
from lint_rules.deploy.formats.yaml_file import starts
from lint_rules.deploy.model import RedisServer, Start, Variable, Word
from lint_rules.deploy.notations.interpolation import interpolated, is_known
from lint_rules.deploy.notations.yaml_nodes import LARGEST, YamlNode, documents
from lint_rules.deploy.redis_image import server_of
from lint_rules.deploy.text import NOWHERE, Source, Text

SHOP = Path(__file__).parents[2] / "fixtures" / "shop"


class Files:
    """A project of these files."""

    def __init__(self, **files: str) -> None:
        self.files = files

    def beside(self, file: str, path: str) -> Source | None:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return Source(target, self.files[target]) if target in self.files else None

    def script(self, path: str, file: str) -> Source | None:
        return None


def said(text: str, file: str = "docker-compose.yml", **others: str) -> list[Said]:
    return [*starts(Source(file, text), Files(**others))]


def started(text: str, file: str = "docker-compose.yml", **others: str) -> list[Start]:
    return [each for each in said(text, file, **others) if isinstance(each, Start)]


def only(text: str, file: str = "docker-compose.yml", **others: str) -> Start:
    (found,) = started(text, file, **others)
    return found


def servers(text: str, file: str = "docker-compose.yml") -> list[RedisServer]:
    return [each for each in said(text, file) if isinstance(each, RedisServer)]


def variables(text: str, file: str = "docker-compose.yml", **others: str) -> list[tuple[str, str, str, int]]:
    return [(each.name, each.value, each.file, each.row) for each in said(text, file, **others) if isinstance(each, Variable)]


def line(start: Start) -> str:
    """Its words; those only known at run time in angle brackets, a script of a shell with a mark before it."""
    if start.shell is not None:
        return f"$ {start.shell.value}"
    return " ".join((each.text if each.known else f"<{each.text}>") or "''" for each in start.words)


def cut(text: str, word: Word) -> str:
    """What stands where the word does."""
    assert word.span is not None
    source = Source("", text)
    return text[source.offset(word.span.row, word.span.column) : source.offset(word.span.end_row, word.span.end_column)]


def read(text: str, file: str = "docker-compose.yml") -> tuple[list[Said], Broken | None]:
    """What a file says until it ends or cannot be read on."""
    found: list[Said] = []
    try:
        for each in starts(Source(file, text), Files(**{".env": text})):
            found.append(each)
    except Broken as broken:
        return found, broken
    return found, None


def service(body: str) -> str:
    return "services:\n  a:\n" + "".join(f"    {each}\n" for each in body.split("\n"))


def container(body: str, kind: str = "Deployment") -> str:
    lines = "".join(f"          {each}\n" for each in body.split("\n"))
    return f"apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: d\nspec:\n  template:\n    spec:\n      containers:\n        - name: worker\n{lines}"


# ── Compose ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("command: celery -A app worker -c 4", "celery -A app worker -c 4"),
        ('command: ["celery", "-A", "app", worker]', "celery -A app worker"),
        ("command:\n  - celery\n  - -A\n  - app", "celery -A app"),
        ("command: >\n  celery -A app worker\n  -Q a,b", "celery -A app worker -Q a,b"),
        ("command: |\n  celery -A app worker\n  -Q a,b", "celery -A app worker -Q a,b"),
        ("command: \"celery -A app worker -n 'w 1'\"", "celery -A app worker -n w 1"),
        ('command: redis-server --save "" --appendonly no', "redis-server --save '' --appendonly no"),
        ("command: sh -c 'celery -A app worker && echo done'", "$ celery -A app worker && echo done"),
        ('command: ["bash", "-euo", "pipefail", "-c", "celery worker | tee log"]', "$ celery worker | tee log"),
        ('entrypoint: ["tini", "--", "sh", "-lc"]\ncommand: ["celery worker"]', "$ celery worker"),
        ("command: bash run.sh -c 4", "bash run.sh -c 4"),
        ("entrypoint: /entry.sh\ncommand: celery worker", "/entry.sh celery worker"),
        ("entrypoint: [celery, worker]", "celery worker"),
        ('entrypoint: ""\ncommand: celery worker', "celery worker"),
        ("entrypoint: []\ncommand: celery worker", "celery worker"),
        ("command: celery worker -c ${N:-4} -Q ${Q-a}", "celery worker -c 4 -Q a"),
        ("command: celery worker -c ${N:-${M:-5}}", "celery worker -c 5"),
        ("command: celery worker -c $N -Q ${Q} ${R:?say which}", "celery worker -c <$N> -Q <${Q}> <${R:?say which}>"),
        ("command: celery worker -Q pre-${Q}-post", "celery worker -Q <pre-${Q}-post>"),
        ("command: sh -c 'celery worker -c $$N'", "$ celery worker -c $N"),
        ("command: celery worker -c {{ workers | default(4) }} -Q a", "celery worker -c <{{ workers | default(4) }}> -Q a"),
        ('command: celery worker -n "unclosed', 'celery worker -n "unclosed'),
        ("command: !override [celery, worker]", "celery worker"),
        ("command: &c celery worker", "celery worker"),
        ("command: first\ncommand: celery worker", "celery worker"),
        ("command: celery worker\t-c 2", "celery worker -c 2"),
        ("image: redis:7\ncommand: --appendonly yes", "redis-server --appendonly yes"),
        ('image: valkey/valkey:8\ncommand: ["--save", ""]', "valkey-server --save ''"),
        ("image: redis\ncommand: /usr/local/etc/redis/redis.conf", "redis-server /usr/local/etc/redis/redis.conf"),
        ("image: redis\ncommand: redis-server --port 1", "redis-server --port 1"),
        ("image: redis\nentrypoint: /run.sh\ncommand: --port 1", "/run.sh --port 1"),
        ("image: bitnami/redis\ncommand: --port 1", "--port 1"),
    ],
)
def test_the_command_of_a_service(body: str, expected: str) -> None:
    assert line(only(service(body))) == expected


@pytest.mark.parametrize(
    "body", ["build: .", "command:", "command: null", 'command: ""', "image: app\nenvironment: {REDIS: x}", "command: {a: b}"]
)
def test_services_without_a_command_start_nothing(body: str) -> None:
    assert started(service(body)) == []


def test_words_stand_where_they_are_written() -> None:
    text = service("command: celery -A app -c ${N:-20} -n \"w 1\" '-Pgevent'")
    words = only(text).words
    assert [cut(text, each) for each in words] == ["celery", "-A", "app", "-c", "20", "-n", '"w 1"', "'-Pgevent'"]
    text = service('command: ["celery", "--pool=prefork", -Q, \'a\', |-\n  x\n]').replace(", |-\n      x\n    ", "")
    assert [cut(text, each) for each in only(text).words] == ['"celery"', '"--pool=prefork"', "-Q", "'a'"]


def test_a_word_from_the_environment_file_stands_nowhere() -> None:
    start = only(service("command: celery worker -c ${N:-4} -Q $Q"), **{".env": "N=9\nQ='a b'\n"})
    assert line(start) == "celery worker -c 9 -Q a b"
    assert start.words[3].span is None
    assert line(only(service("command: celery -c ${N:-4}"), "deploy/compose.yml", **{"deploy/.env": "N=9", ".env": "N=1"})) == "celery -c 9"


def test_the_script_of_a_shell_keeps_its_places() -> None:
    text = service('command: >-\n  bash -c "source env &&\n  celery -A app worker -n \\"x\\""')
    script = only(text).shell
    assert script is not None
    assert script.value == 'source env && celery -A app worker -n "x"'
    assert all(text[offset] == letter for letter, offset in zip(script.value, script.offsets) if offset != NOWHERE)
    assert script.offsets.count(NOWHERE) == 1, "the folded line end"


ANCHORS = """
x-app: &app
  environment: &env {BROKER_URL: "redis://r/0", A: "1"}
  command: celery -A app worker
x-more: &more
  profiles: [debug]
services:
  one:
    <<: *app
  two:
    <<: [*more, *app]
    environment:
      <<: *env
      A: "2"
  three:
    <<: *app
    command: celery -A app beat
"""


def test_merge_keys_and_aliases() -> None:
    one, two, three = started(ANCHORS)
    assert [(each.service, line(each), each.optional) for each in (one, two, three)] == [
        ("one", "celery -A app worker", False),
        ("two", "celery -A app worker", True),
        ("three", "celery -A app beat", False),
    ]
    assert one.words == two.words
    assert one.environment == {"BROKER_URL": "redis://r/0", "A": "1"}
    assert two.environment == {"BROKER_URL": "redis://r/0", "A": "2"}


EXTENDS = """
services:
  base:
    environment: [A=1, B=1]
    command: celery -A app worker
  same:
    extends: base
    environment: [B=2]
  other:
    extends: {file: common.yml, service: app}
    environment: {B: "3"}
  its_own:
    extends: {file: common.yml, service: app}
    command: celery -A app beat
  absent:
    extends: {file: nowhere.yml, service: app}
    command: celery -A app worker
"""


def test_extends_of_the_same_and_of_another_file() -> None:
    common = "services:\n  app:\n    environment: {A: '9'}\n    command: celery worker\n    image: redis\n"
    found = {each.service: each for each in started(EXTENDS, **{"common.yml": common})}
    assert set(found) == {"base", "same", "its_own", "absent"}, "a command of another file is read there"
    assert found["same"].environment == {"A": "1", "B": "2"}
    assert found["same"].words == found["base"].words
    assert found["its_own"].environment == {"A": "9"}
    assert ("B", "3", "docker-compose.yml", 11) in variables(EXTENDS, **{"common.yml": common})
    assert ("A", "9", "common.yml", 3) in variables(EXTENDS, **{"common.yml": common})
    assert servers(EXTENDS) == []


def test_extends_of_a_broken_file_is_no_trouble_of_this_one() -> None:
    assert len(started(EXTENDS, **{"common.yml": "services: ["})) == 4


def test_environment_and_its_files() -> None:
    text = service(
        "command: celery worker\n"
        "env_file:\n  - base.env\n  - path: more.env\n    required: false\n  - absent.env\n"
        "environment:\n  - B=own\n  - C\n  - D=${X}\n  - E=${X:-e}\n  - F=a=b"
    )
    others = {"base.env": "A=1\nB=1\n", "more.env": "A=2 # why\nexport G='$x'\n"}
    assert only(text, **others).environment == {"A": "2", "B": "own", "E": "e", "F": "a=b", "G": "$x"}
    assert variables(text, **others)[:4] == [
        ("A", "1", "base.env", 1),
        ("B", "1", "base.env", 2),
        ("A", "2", "more.env", 1),
        ("G", "$x", "more.env", 2),
    ]
    assert ("B", "own", "docker-compose.yml", 10) in variables(text, **others)
    text = service("env_file: a.env\nenvironment:\n  PORT: 6379\n  ON: true\n  NONE:\n  T: '{{ x }}'\ncommand: x")
    assert only(text, **{"a.env": "Z=1"}).environment == {"Z": "1", "PORT": "6379", "ON": "true"}


@pytest.mark.parametrize(
    ("image", "server"),
    [
        *[
            (each, "redis-server")
            for each in ("redis", "redis:7-alpine", "library/redis", "docker.io/library/redis:7@sha256:ab", "docker.io/redis:7")
        ],
        *[(each, "redis-server") for each in ("public.ecr.aws/docker/library/redis:7", "localhost:5000/library/redis", "redis:${TAG}")],
        *[(each, "valkey-server") for each in ("valkey/valkey:8", "docker.io/valkey/valkey", "valkey")],
        *[
            (each, None)
            for each in (
                "bitnami/redis:7",
                "redis/redis-stack",
                "redislabs/redismod",
                "app",
                "myredis",
                "redis-commander",
                "x/redis",
                "",
                "redis/",
            )
        ],
    ],
)
def test_images_that_run_redis(image: str, server: str | None) -> None:
    assert server_of(image) == server


def test_a_service_of_a_redis_image_without_a_command() -> None:
    (server,) = servers("services:\n  cache:\n    image: 'redis:7'\n")
    assert (server.form, server.service, server.optional, server.span.row, server.span.column) == ("image", "cache", False, 3, 11)
    assert [each.optional for each in servers(service("image: redis\nprofiles: [debug]"))] == [True]
    assert servers(service("image: redis\nbuild: ./redis")) == []
    assert servers(service("image: bitnami/redis")) == []
    assert servers(service("image: redis\nentrypoint: /x.sh")) == []


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ("./conf/redis.conf:/etc/redis/redis.conf:ro", "./conf/redis.conf"),
        ("{type: bind, source: ../r.conf, target: /etc/redis/redis.conf}", "../r.conf"),
        ("${CONF:-./conf}:/etc/redis/", "./conf/redis.conf"),
        ("data:/etc/redis", "/etc/redis/redis.conf"),
        ("/srv/redis.conf:/etc/redis/redis.conf", "/etc/redis/redis.conf"),
        ("./conf:/etc/red", "/etc/redis/redis.conf"),
        ("/etc/redis", "/etc/redis/redis.conf"),
    ],
)
def test_a_configuration_file_that_a_volume_brings_in(volume: str, expected: str) -> None:
    text = service(f"image: redis\ncommand: redis-server /etc/redis/redis.conf --port 1\nvolumes:\n  - {volume}")
    start = only(text)
    assert line(start) == f"redis-server {expected} --port 1"
    assert cut(text, start.words[1]) == "/etc/redis/redis.conf"


def test_the_first_version_of_the_format_only_by_its_name() -> None:
    text = "worker:\n  image: app\n  command: celery worker\n"
    assert [each.service for each in started(text, "docker-compose.yml")] == ["worker"]
    assert started(text, "worker.yml") == []


def test_an_override_that_only_sets_the_environment_starts_nothing() -> None:
    text = "services:\n  worker:\n    environment: {CELERY_BROKER_URL: redis://r/1}\n"
    assert started(text, "docker-compose.override.yml") == []
    assert variables(text, "docker-compose.override.yml") == [("CELERY_BROKER_URL", "redis://r/1", "docker-compose.override.yml", 3)]


def test_the_shop() -> None:
    text = (SHOP / "docker-compose.yml").read_text()
    found = {each.service: each for each in started(text)}
    assert list(found) == [
        "redis",
        "redis-sessions",
        *(f"worker{each}" for each in ("", "-images", "-notifications", "-search", "-reports", "-feeds")),
        "beat",
    ]
    assert line(found["redis-sessions"]) == "redis-server --maxmemory 256mb --maxmemory-policy allkeys-lru --save '' --appendonly no"
    assert line(found["worker-search"]) == "celery -A shop.worker worker -Pgevent -c 100 -Q search --loglevel INFO"
    assert found["worker-search"].environment["SHOP_BROKER_URL"] == "redis://redis:6379/0"
    assert all(cut(text, each) == (each.text or '""') for start in found.values() for each in start.words if start.service != "redis")
    assert line(found["redis"]) == "redis-server ./deploy/redis.conf", "the volume says which file of the project it is"
    images = only((SHOP / "deploy/k8s/worker-images.yaml").read_text(), "worker-images.yaml")
    assert line(images) == "celery -A shop.worker worker --pool=prefork --concurrency=4 --prefetch-multiplier=1 --queues=images"
    assert images.service == "shop-worker-images"
    notifications = only((SHOP / "deploy/k8s/worker-notifications.yaml").read_text(), "worker-notifications.yaml")
    assert line(notifications) == "celery -A shop.worker worker --pool=gevent --concurrency=20 --queues=notifications --beat"
    assert [each.span.row for each in notifications.words if each.span is not None] == [*range(17, 25)]


# ── Kubernetes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("command: [celery, -A, app]\nargs: [worker, -c, '2']", "celery -A app worker -c 2"),
        ('args: ["celery", "worker"]', "celery worker"),
        ("command: [sh, -c]\nargs:\n  - |\n    set -e\n    exec celery worker", "$ set -e\nexec celery worker\n"),
        ('command: ["/bin/bash", "-c", "celery worker -c $(N)"]\nenv: [{name: N, value: "3"}]', "$ celery worker -c 3"),
        ('command: ["sh", "-c", "celery worker -c $(nproc) ${Q:-x}"]', "$ celery worker -c $(nproc) ${Q:-x}"),
        ('args: [celery, -c, "$(N)", "$(M)", "$$(N)"]\nenv: [{name: N, value: "3"}]', "celery -c 3 <$(M)> <$(N)>"),
        ('args: [celery, -c, "${N:-3}", "${M}", "$O"]', "celery -c 3 <${M}> <$O>"),
        ("args: [celery, -Q, {{ .Values.queue | quote }}]", "celery -Q <{{ .Values.queue | quote }}>"),
        ("args:\n  - celery\n  {{- if .Values.beat }}\n  - --beat\n  {{- end }}", "celery --beat"),
        ("image: redis:7\nargs: [--maxmemory, 1gb]", "redis-server --maxmemory 1gb"),
        ("image: valkey/valkey\nargs: [/etc/valkey.conf]", "valkey-server /etc/valkey.conf"),
        ("image: redis\ncommand: [redis-server]\nargs: [--port, '1']", "redis-server --port 1"),
    ],
)
def test_the_command_of_a_container(body: str, expected: str) -> None:
    text = container(body).replace("metadata:", "metadata: # celery", 1)
    assert line(only(text, "d.yaml")) == expected


@pytest.mark.parametrize(
    "body", ["args: [--pool=prefork, --queues=images] # celery", "image: celery", "command: # celery", "args: {{ toYaml .x }} # celery"]
)
def test_containers_whose_command_is_that_of_the_image(body: str) -> None:
    assert started(container(body), "d.yaml") == []


KINDS = {
    "Pod": "kind: Pod\nmetadata: {name: d}\nspec:\n  containers: [{args: [celery]}]\n",
    "CronJob": "kind: CronJob\nmetadata: {name: d}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{args: [celery]}]}}}}}\n",
    "List": "kind: List\nitems:\n- kind: Pod\n  metadata: {name: d}\n  spec: {containers: [{args: [celery]}]}\n",
    **{kind: container("args: [celery]", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "Rollout")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_kinds_that_have_containers(kind: str) -> None:
    assert [(each.service, line(each)) for each in started(KINDS[kind], "d.yaml")] == [("d", "celery")]


def test_other_kinds_have_none() -> None:
    assert started("kind: Ingress\nspec: {containers: [{args: [celery]}]}\n".replace("containers", "rules"), "d.yaml") == []
    assert started("kind: CustomResourceDefinition\nspec: {containers: [{args: [celery]}]}\n", "d.yaml") == []


def test_an_init_container_counts_where_it_keeps_running() -> None:
    text = (
        "kind: Pod\nmetadata: {name: d}\nspec:\n  initContainers:\n  - args: [celery, inspect]\n"
        "  - {args: [celery, beat], restartPolicy: Always}\n  containers:\n  - args: [celery, worker]\n"
    )
    assert [line(each) for each in started(text, "d.yaml")] == ["celery worker", "celery beat"]


def test_names_that_a_template_makes_are_not_known() -> None:
    text = container("args: [celery]").replace("name: d", 'name: {{ include "x.fullname" . }}-d')
    assert only(text, "templates/d.yaml").service == "worker", "the container's name"


def test_the_environment_of_a_container() -> None:
    body = (
        "args: [celery]\nenv:\n- {name: HOST, value: redis}\n- {name: URL, value: 'redis://$(HOST):6379'}\n- {name: P, value: $(Q)}\n"
        "- {name: S, valueFrom: {secretKeyRef: {}}}\n- name: T\n  value: {{ .Values.t }}\n- {name: N, value: 4}"
    )
    assert only(container(body), "d.yaml").environment == {"HOST": "redis", "URL": "redis://redis:6379", "N": "4"}


REDIS = """
apiVersion: v1
kind: Service
metadata: {name: broker}
spec: {selector: {app: redis}}
---
kind: StatefulSet
metadata: {name: redis-set}
spec:
  template:
    metadata: {labels: {app: redis, tier: x}}
    spec:
      containers: [{image: "redis:7"}]
---
kind: Deployment
metadata: {name: redis-cache}
spec: {template: {metadata: {labels: {app: cache}}, spec: {containers: [{image: redis, args: [--save, ""]}]}}}
"""


def test_redis_is_reached_under_the_name_of_its_service() -> None:
    assert [(each.form, each.service) for each in servers(REDIS, "redis.yaml")] == [("image", "broker")]
    assert [(each.service, line(each)) for each in started(REDIS, "redis.yaml")] == [("redis-cache", "redis-server --save ''")]


def test_the_configuration_and_the_variables_of_a_config_map() -> None:
    text = 'kind: ConfigMap\nmetadata: {name: c}\ndata:\n  redis.conf: |\n    # none\n    save ""\n    maxmemory 1gb\n  BROKER_URL: redis://r\n  nginx.conf: x\n'
    (server,) = servers(text, "c.yaml")
    assert [(each.name, each.values, each.span.row) for each in server.directives if each.span is not None] == [
        ("save", ("",), 6),
        ("maxmemory", ("1gb",), 7),
    ]
    assert (server.form, server.service) == ("conf", "c")
    assert variables(text, "c.yaml") == [("BROKER_URL", "redis://r", "c.yaml", 8)]


def test_documents_before_a_broken_one_count() -> None:
    found, trouble = read(KINDS["Pod"] + "---\nkind: Pod # celery\nspec: {containers: [\n", "d.yaml")
    assert len(found) == 1
    assert trouble is not None
    assert trouble.row > 5


# ── Platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cloud_foundry() -> None:
    text = (
        "---\napplications:\n- name: w\n  command: celery worker --loglevel ${LOGLEVEL:=INFO} --concurrency 2\n"
        "  env: {A: b, C: ((secret))}\n- name: p\n  processes:\n  - {type: web, command: gunicorn}\n  - {type: worker, command: celery worker}\n"
    )
    assert [(each.service, line(each)) for each in started(text, "manifest.yml")] == [
        ("w", "$ celery worker --loglevel ${LOGLEVEL:=INFO} --concurrency 2"),
        ("p", "$ gunicorn"),
        ("p", "$ celery worker"),
    ]
    assert started(text, "manifest.yml")[0].environment == {"A": "b"}


def test_render_and_digital_ocean() -> None:
    render = "services:\n- type: worker\n  name: w\n  startCommand: celery worker\n  envVars:\n  - {key: A, value: b}\n  - {key: S, sync: false}\n"
    assert [(each.service, line(each), each.environment) for each in started(render, "render.yaml")] == [
        ("w", "$ celery worker", {"A": "b"})
    ]
    ocean = "name: x\nworkers:\n- name: w\n  run_command: celery worker\n"
    assert [line(each) for each in started(ocean, ".do/app.yaml")] == ["$ celery worker"]
    button = "spec:\n  workers:\n  - name: w\n    run_command: celery worker\n"
    assert [line(each) for each in started(button, ".do/deploy.template.yaml")] == ["$ celery worker"]


# ── What is not ours, or broken ──────────────────────────────────────────────────────────────────────────────────────

OTHERS = {
    "a workflow": "on: push\njobs:\n  test:\n    services:\n      redis:\n        image: redis\n    steps:\n      - run: celery worker\n",
    "GitLab": "test:\n  services: [redis]\n  script: celery worker\n",
    "a playbook": "- hosts: all\n  tasks:\n    - command: celery worker\n",
    "translations": "en:\n  services: celery\n  command: worker\n",
    "Symfony": "services:\n  _defaults: {autowire: true}\n  App\\Redis: {environment: prod}\n",
    "values of a chart": "worker:\n  command: [celery, worker]\nredis:\n  image: redis\n",
    "a scalar": "services",
    "nothing": "",
    "a list under services": "services: [{command: celery}]\n",
    "kind elsewhere": "a:\n  kind: Deployment\n  containers: celery\n",
}


@pytest.mark.parametrize("which", OTHERS)
def test_other_yaml_says_nothing(which: str) -> None:
    assert said(OTHERS[which], "x.yml") == []


@pytest.mark.parametrize("text", ["@", "a: [", "\tx: 1", "a: b: c", '"', "key: *unknown"])
def test_broken_files_that_are_not_ours_are_not_even_parsed(text: str) -> None:
    assert said(f"celery:\n{text}\n", "x.yml") == []


@pytest.mark.parametrize(
    ("body", "row", "words"),
    [
        ("command: celery: worker", 3, "wants quotes"),
        ("command: [celery", 4, "bracket"),
        ("command: @x", 3, "`@`"),
        ("command: %x", 3, "`%`"),
        ("command: 'x", 4, "quote is not closed"),
        ("command: *x", 3, "alias"),
        ("\tcommand: x", 3, "tab"),
        ('command: "\\U99999999"', 3, "escape"),
        ('command: "\\Uffffffff"', 3, "escape"),
        ('command: "\\q"', 3, "escape"),
        ("command: x\n  y: z", 4, "wants quotes"),
        ("command: x\n- y", 4, "indentation"),
        ("command: \x07", 3, "control"),
    ],
)
def test_a_broken_file_gets_a_row_and_a_sentence(body: str, row: int, words: str) -> None:
    with pytest.raises(Broken, match=words) as broken:
        said(service("image: redis\n" + body).replace("    image: redis\n", "", 1))
    assert broken.value.row == row
    assert "\n" not in broken.value.reason


def test_deep_nesting_ends() -> None:
    with pytest.raises((Broken, RecursionError)):  # ruamel.yaml before 0.19 knows no limit but that of Python
        said(service("command: " + "[" * 5000))


def test_a_template_that_does_not_read_as_yaml_is_no_trouble() -> None:
    assert said(service("command: celery worker\n{{ x }} y: [")) == []
    assert said(service("command: celery worker\n{% if x %}: [")) == []


def test_lines_of_a_template_alone_are_passed_over() -> None:
    text = (
        "{{- if .Values.worker }}\n{{/* a {{ comment }}\n   celery */}}\nservices:\n{% for x in y %}\n  w{{ x }}:\n    image: app\n"
        "    {{- with .x }}  # why\n    command: celery worker -Q {{ x }}\n    {{- end }}\n{% endfor %}\n{# services: x #}\n{{ end }}\n"
    )
    start = only(text, "docker-compose.yml.j2")
    assert line(start) == "celery worker -Q <{{ x }}>"
    assert start.service == "w{{ x }}"
    assert cut(text, start.words[3]) == "{{ x }}"


def test_a_file_that_is_too_long_is_not_parsed() -> None:
    with pytest.raises(Broken, match="250 kB"):
        said(service("command: celery worker -n " + "x" * LARGEST))


@pytest.mark.parametrize(
    "bomb",
    [
        "x-a: &a {k: v, image: redis}\n"
        + "".join(f"x-{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1 or str()}'] * 9)}], k{n}: v}}\n" for n in range(1, 300))
        + "services: {a: *a299}\n",
        "kind: List\nitems:\n- &p {kind: Pod, spec: {containers: &c [&d {image: redis}, " + "*d, " * 999 + "]}}\n" + "- *p\n" * 999,
    ],
)
def test_aliases_of_aliases_are_bounded(bomb: str) -> None:
    with pytest.raises(Broken, match="unfold to more than 100,000 entries"):
        said(bomb)


def test_aliases_that_nobody_follows_cost_nothing() -> None:
    laughs = "x-a: &a0 [x]\n" + "".join(f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    assert line(only(laughs + service("image: redis\ncommand: celery\nenvironment: *a39\nlabels: *a39"))) == "celery"


def test_aliases_in_a_circle() -> None:
    text = "services: &s\n  a: &a\n    <<: [*a, *s]\n    image: app\n    command: celery worker\n    extends: a\n    environment: *s\n"
    assert line(only(text)) == "celery worker"


def test_directives_marks_and_several_documents() -> None:
    assert line(only("\ufeff%YAML 1.1\n%TAG ! tag:x,2000:\n---\n" + service("command: celery") + "...\n")) == "celery"
    text = "# celery\n---\n" + KINDS["Pod"] + "--- # two\n" + KINDS["CronJob"]
    assert len(started(text, "d.yaml")) == 2


# ── Scalars ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LETTERS = st.text(st.sampled_from("ab :#-'\"\\\n,x\té😀[]{}&*!|>%@\x85\u2028"), max_size=30)
WORDS = st.text(st.sampled_from("ab  \n\n-:#'\"x"), max_size=30)


def scalars(node: YamlNode) -> Iterator[Text]:
    if node.text is not None:
        yield node.text
    for each in (*node.elements, *node.entries.values()):
        yield from scalars(each)


def texts(text: str) -> list[Text]:
    return [each for root in documents(Source("x.yml", text), lambda _: True) for each in scalars(root)]


def in_place(text: str, found: Text) -> bool:
    return all(text[offset] == letter for letter, offset in zip(found.value, found.offsets) if offset != NOWHERE)


@given(LETTERS)
def test_double_quoted(value: str) -> None:
    text = f"k: {json.dumps(value, ensure_ascii=False)}\n".replace("\x85", "").replace("\u2028", "")
    (found,) = texts(text)
    assert found.value == value.replace("\x85", "").replace("\u2028", "")
    assert in_place(text, found)
    assert found.offsets.count(NOWHERE) == sum(found.value.count(each) for each in "\n\t"), "only the escapes stand nowhere"


@given(LETTERS.filter(lambda value: not {*value} & {*"\n\x85\u2028"}))
def test_single_quoted(value: str) -> None:
    text = "k: '{}'\n".format(value.replace("'", "''"))
    (found,) = texts(text)
    assert found.value == value
    assert in_place(text, found)
    assert NOWHERE not in found.offsets


@given(WORDS, st.integers(1, 5), st.sampled_from(["", "-", "+"]), st.booleans())
def test_literal_blocks(value: str, indent: int, chomping: str, ended: bool) -> None:
    value = f"x{value}"
    text = f"k:\n- |{chomping}\n" + "".join(" " * indent + each + "\n" for each in value.split("\n")) + ("- z\n" if ended else "")
    found = texts(text)[0]
    kept = value.rstrip("\n") if value.strip("\n ") else value
    trailing = len(value) - len(kept)
    assert found.value == kept + {"": "\n", "-": "", "+": "\n" * (trailing + 1)}[chomping]
    assert in_place(text, found)
    assert NOWHERE not in found.offsets


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k: >\n  a\n  b\n\n  c\n", "a b\nc\n"),
        ("k: >-\n  a\n    b\n  c\n\n", "a\n  b\nc"),
        ("k: >+\n  a\n\n", "a\n\n"),
        ("k: |2\n    a\n   b\n", "  a\n b\n"),
        ("k: &a !t |- # why\n  a #b\n", "a #b"),
        ("k: |\n\n\n  a", "\n\na"),
        ("k: a\n  b\n\n  c # d\n", "a b\nc"),
        ("k: 'a\n  b''c\n\n  d '\n", "a b'c\nd "),
        ('k: "a \\\n   b\\\n  \\ c\n\n  d\\x41\\u00e9\\n"\n', "a b c\ndAé\n"),
        ('k: "a\\/\\"\\\\"\n', 'a/"\\'),
        ("k: &a\n  !t\n  x\n", "x"),
        ("k: x\ty # z\n", "x\ty"),
        ('k:\t"a\tb"\n', "a\tb"),
        ("k: 'a\\n'\n", "a\\n"),
        ("k: ''\n", ""),
    ],
)
def test_what_a_scalar_says(text: str, value: str) -> None:
    (found,) = texts(text)
    assert found.value == value
    assert in_place(text, found)
    assert not value.strip() or any(offset != NOWHERE for offset in found.offsets)


@given(st.sampled_from(["", "'", '"', "|", "|-", ">", ">+", ">2-", "|1"]), LETTERS, st.integers(1, 4))
def test_whatever_parses_keeps_its_places(style: str, body: str, indent: int) -> None:
    lines = body.replace("\n", "\n" + " " * indent)
    text = f"k:\n- {style}{lines}{style}\n" if style in ("", "'", '"') else f"k:\n- {style}\n{' ' * indent}{lines}\n"
    try:
        found = texts(text)
    except Broken:
        return
    for each in found:
        assert in_place(text, each)
        strange = {*text} & {*"\x85\u2028\\\t"}
        assert strange or not each.value.strip() or any(offset != NOWHERE for offset in each.offsets)


@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "celery ", "\n", "    ", "command: ", "- ", "'", '"', "\t", "<<: *a", "&a ", "${", "}", "\\"]
        ),
        max_size=25,
    )
)
def test_whatever_a_file_says_it_is_read_or_broken(pieces: list[str]) -> None:
    text = service("image: redis\ncommand: " + "".join(pieces))
    found, trouble = read(text)
    assert trouble is None or 1 <= trouble.row <= text.count("\n") + 1
    for each in found:
        if isinstance(each, Start) and each.shell is not None:
            assert in_place(text, each.shell)


# ── Variables ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A ${A} $B", "1 1 $B"),
        ("${A:-x} ${B:-x} ${E:-x} ${E-x}", "1 x x "),
        ("${A:+x} ${A+x} ${E:+x} ${B:+x}", "x x  ${B:+x}"),
        ("${A:?no} ${B:?no}", "1 ${B:?no}"),
        ("$$A $${A} $$", "$A ${A} $"),
        ("${B:-${A}} ${B:-${C:-d}}", "1 d"),
        ("${B:-$A-${C}}", "1-${C}"),
        ("${ ${A ${} $ $1 ${A/x/y}", "${ ${A ${} $ $1 ${A/x/y}"),
    ],
)
def test_interpolation(text: str, expected: str) -> None:
    found = interpolated(Source("x", text).whole, {"A": "1", "E": ""})
    assert found.value == expected
    assert in_place(text, found)


def test_what_is_left_to_be_filled_in_is_not_known() -> None:
    assert all(is_known(each) for each in ("", "a", "$", "$1", "{a}", "a$"))
    assert not any(is_known(each) for each in ("$A", "x${A}y", "{{ x }}", "{% x %}", "$(A)"))


def test_environment_files() -> None:
    text = (
        '# comment\nA=1\nexport B = two words # why\nC=\'$A # not\' # why\nD="a\\"b$A"\nE=\nF=#no\nG=a#b\n  H=x  \nI=${A}${NO:-d}\n'
        'J=${NOTHING}\nK=$J\nnot a line\nL=\'open\nM="x\\ny"\nA=2\nN=$A\nO=redis://:p$$4@h\n'
    )
    assert variables_of(Source(".env", text)) == [
        ("A", "1", 2),
        ("B", "two words", 3),
        ("C", "$A # not", 4),
        ("D", 'a\\"b1'.replace("\\", ""), 5),
        ("E", "", 6),
        ("F", "", 7),
        ("G", "a#b", 8),
        ("H", "x", 9),
        ("I", "1d", 10),
        ("M", "x\ny", 15),
        ("A", "2", 16),
        ("N", "2", 17),
        ("O", "redis://:p$4@h", 18),
    ]
    assert variables_of(Source("x", "A=$B\nC=p$$w\n"), expand=False) == [("A", "$B", 1), ("C", "p$$w", 2)]
