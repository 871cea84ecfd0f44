"""Which workers, beats and Redis servers command lines start: options, wrappers, `celery multi`, scripts, and where all of it stands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lint_rules.deploy.celery_command import FLAGS, VALUED
from lint_rules.deploy.commands import commands_of
from lint_rules.deploy.model import BeatCommand, Command, Option, RedisServer, Start, Word, WorkerCommand
from lint_rules.deploy.text import Source
from lint_rules.facts.model import Span


class Files:
    """Neighbours by path or, as in an image, by the end of it."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.sources = {file: Source(file, text) for file, text in files.items()}

    def beside(self, file: str, path: str) -> Source | None:
        return self.sources.get(path)

    def script(self, path: str, file: str) -> Source | None:
        name = path.rpartition("/")[2]
        return next((source for each, source in self.sources.items() if each.rpartition("/")[2] == name), None)


def commands(
    line: str | list[Word],
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    text: str = "",
    **more: Any,
) -> list[Command]:
    source = Source("start", text or (line if isinstance(line, str) else ""))
    if isinstance(line, str):
        start = Start("start", shell=source.whole, environment=environment or {}, **more)
    else:
        start = Start("start", words=tuple(line), environment=environment or {}, **more)
    return [*commands_of(start, source, Files(files or {}))]


def worker(line: str | list[Word], environment: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> WorkerCommand:
    (found,) = commands(line, environment, files)
    assert isinstance(found, WorkerCommand)
    return found


def options(found: WorkerCommand) -> dict[str, str | bool]:
    """Values by name; flags are True, unknown values False."""
    return {name: (option.value if option.value is not None else True) if option.known else False for name, option in found.options.items()}


def at(text: str, span: Span | None) -> str | None:
    source = Source("start", text)
    return source.text[source.offset(span.row, span.column) : source.offset(span.end_row, span.end_column)] if span is not None else None


# ── Options of a worker ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "app", "expected"),
    [
        ("celery worker", None, {}),
        ("celery -A proj worker", "proj", {}),
        ("celery --app proj worker", "proj", {}),
        ("celery --app=proj.celery:app worker", "proj.celery:app", {}),
        ("celery -Aproj worker", "proj", {}),
        ("celery -A=proj worker", "proj", {}),
        ("celery worker -A proj", "proj", {}),
        ("celery worker --app=proj -c 2", "proj", {"concurrency": "2"}),
        ("celery -b redis:// --workdir /app -q -C --skip-checks -A proj worker -Q a", "proj", {"queues": "a"}),
        ("celery -A proj worker -P gevent", "proj", {"pool": "gevent"}),
        ("celery -A proj worker --pool gevent", "proj", {"pool": "gevent"}),
        ("celery -A proj worker --pool=gevent", "proj", {"pool": "gevent"}),
        ("celery -A proj worker -Pgevent", "proj", {"pool": "gevent"}),
        ("celery -A proj worker -P=gevent", "proj", {"pool": "=gevent"}),
        ("celery -A proj worker -Q a,b -X c -I d", "proj", {"queues": "a,b", "exclude-queues": "c", "include": "d"}),
        ("celery -A proj worker -EBQ a -Ofair", "proj", {"task-events": True, "beat": True, "queues": "a", "optimization": "fair"}),
        ("celery -A proj worker --events --discard --schedule x", "proj", {"task-events": True, "purge": True, "schedule-filename": "x"}),
        ("celery -A proj worker --maxtasksperchild=1", "proj", {"max-tasks-per-child": "1"}),
        ("celery -A proj worker -c 1 -c 2", "proj", {"concurrency": "2"}),
        ("celery -A proj worker -c -Q a", "proj", {"concurrency": "-Q"}),
        ("celery -A proj worker --unheard-of -Q a", "proj", {"queues": "a"}),
        ("celery -A proj worker --unheard-of=x a -Q b", "proj", {"queues": "b"}),
        ("celery -A proj worker -zQ a -Q b", "proj", {"queues": "b"}),
        ("celery -A proj worker -Q a -- -Q b worker_pool=solo", "proj", {"queues": "a"}),
        ("celery -A proj worker worker.pool=solo -Q a", "proj", {"queues": "a"}),
        ("celery -A proj worker -Q", "proj", {}),
        ("celery -A proj worker --autoscale=10,2 --prefetch-multiplier 1", "proj", {"autoscale": "10,2", "prefetch-multiplier": "1"}),
        ("celery -A proj worker --concurrency=$N -Q \"$Q\"", "proj", {"concurrency": False, "queues": False}),
        ("celery -A proj worker -c$N --loglevel ${LEVEL:=INFO}", "proj", {"concurrency": False, "loglevel": "INFO"}),
        ("celery -A ${APP_NAME} worker", "${APP_NAME}", {}),
        ("celery $GLOBAL -A proj worker -B", "proj", {"beat": True}),
    ],
)  # fmt: skip
def test_worker_options(line: str, app: str | None, expected: dict[str, str | bool]) -> None:
    found = worker(line)
    assert (found.app, options(found), found.form, found.open) == (app, expected, "command", False)


def test_options_are_those_of_celery() -> None:
    from celery.bin.celery import celery

    for command in (celery, celery.commands["worker"]):
        for parameter in command.params:
            names = {name for name in parameter.opts if name.startswith("-")}
            table = FLAGS if parameter.is_flag else VALUED
            said = {table.get(name) for name in names}
            assert said == {parameter.name.replace("_", "-")}, names


def test_spans_and_glued_options() -> None:
    line = "sudo -u app celery -A proj worker -Pgevent --queues='a,b' \\\n  -c \"4\" -EB"
    found = worker(line)
    said = {name: (at(line, each.span), at(line, each.value_span), each.glued) for name, each in found.options.items()}
    assert said == {
        "pool": ("-Pgevent", "gevent", True),
        "queues": ("--queues='a,b'", "a,b", False),
        "concurrency": ('-c "4"', "4", False),
        "task-events": ("-EB", None, False),
        "beat": ("-EB", None, False),
    }
    assert at(line, found.span) == line[len("sudo -u app ") :]
    assert found.command == "celery -A proj worker -Pgevent --queues=a,b -c 4 -EB"
    assert [word.text for word in found.words[:4]] == ["celery", "-A", "proj", "worker"]


def test_options_in_variables_stand_where_they_are_assigned() -> None:
    line = "POOL='--pool solo'\nQ=a\ncelery worker $POOL -Q $Q -c ${N:-4}\n"
    found = worker(line)
    said = {name: (each.value, at(line, each.span), at(line, each.value_span)) for name, each in found.options.items()}
    assert said == {
        "pool": ("solo", "--pool solo", "solo"),
        "queues": ("a", "-Q $Q", "a"),
        "concurrency": ("4", "-c ${N:-4}", "4"),
    }
    assert (found.row, at(line, found.span)) == (3, "celery worker $POOL -Q $Q -c ${N:-4}")


@pytest.mark.parametrize(
    "line",
    [
        "celery -A proj worker $CELERY_OPTS",
        'celery -A proj worker -l info "$@"',
        'celery -A proj worker "${ARGS[@]}"',
        "celery -A proj worker --$NAME=x",
        "celery -A proj worker ${QUEUES:+-Q $QUEUES}",
        "celery -A proj worker {{ .Values.extraArgs }}",
        "celery multi start w1 -A proj $CELERYD_OPTS",
    ],
)
def test_what_is_only_known_at_run_time_may_hide_options(line: str) -> None:
    (found,) = commands(line)
    assert isinstance(found, WorkerCommand)
    assert found.open
    assert not found.queues_known
    assert not found.known("pool")
    assert (found.queues, found.pool, found.concurrency) == (None, None, None)


def test_options_that_are_given_are_known_all_the_same() -> None:
    found = worker("celery -A proj worker -P processes -Q 'a, b' -c 4 --autoscale=2,10 $OPTS")
    assert (found.open, found.known("pool"), found.known("time-limit"), found.queues_known) == (True, True, False, True)
    assert (found.pool, found.queues, found.concurrency, found.autoscale) == ("prefork", ("a", "b"), 4, (10, 2))
    assert worker("celery worker").queues_known
    assert not worker("celery worker -Q $Q").queues_known
    assert not worker("celery worker -Q a -X $Q").queues_known


@pytest.mark.parametrize(
    "line",
    [
        "celery",
        "celery -A proj",
        "celery --help",
        "celery worker --help",
        "celery --version worker",
        "celery -A proj worker -h",
        "celery -A proj flower --port=5555",
        "celery -A proj inspect ping -d worker@host",
        "celery -A proj events",
        "celery -A proj control shutdown worker",
        "celery -A proj shell; celery -A proj purge; celery status; celery -A proj report",
        'celery -A proj "$@"',
        "celery -A proj $COMMAND -Q a",
        "celery multi stop w1; celery multi show w1; celery multi kill 3; celery multi; celery multi start",
        "echo celery -A proj worker",
        "log 'starting' celery worker",
        "pkill -f 'celery worker'; grep celery worker; ps aux | grep celery worker",
        "systemctl restart celery worker; supervisorctl start celery worker; service celery worker start",
        "docker compose up -d redis celery worker",
        "docker-compose restart celery worker",
        "docker compose logs -f celery worker; docker logs celery worker; docker build -t celery worker",
        "kubectl logs celery worker; kubectl -n x get pods celery worker",
        "pip install celery worker; poetry add celery worker; uv add celery worker",
        "worker -A proj; python worker.py; python -c 'celery worker'",
        "# celery -A proj worker",
        "cat <<EOF\ncelery -A proj worker\nEOF",
        "X=$(celery -A proj worker)",
        "airflow celery worker",
        "- Fix: restart the celery worker -Q a; Then the celery worker starts; Run your celery worker; a celery worker",
        "false && celery worker",
        "bash -c; su -c; env; exec; sudo; python -m; timeout; docker run; start-stop-daemon --exec",
        "",
    ],
)
def test_no_worker(line: str) -> None:
    assert commands(line) == []


def test_beat() -> None:
    line = "celery -A proj beat -l info --scheduler x:Y; celery beat -A other"
    first, second = commands(line, service="beat")
    assert isinstance(first, BeatCommand)
    assert isinstance(second, BeatCommand)
    assert (first.app, first.command, first.service, second.app) == ("proj", "celery -A proj beat -l info --scheduler x:Y", "beat", "other")
    assert at(line, first.span) == "celery -A proj beat -l info --scheduler x:Y"
    assert commands("celery beat --help") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {"pool": ("solo", True), "queues": ("a,b", True), "without-gossip": (None, True)}),
        ("-P threads", {"pool": ("threads", True), "queues": ("a,b", True), "without-gossip": (None, True)}),
    ],
)
def test_options_in_the_environment(line: str, expected: dict[str, tuple[str | None, bool]]) -> None:
    environment = {
        "CELERY_WORKER_POOL": "solo",
        "CELERY_WORKER_QUEUES": "a,b",
        "CELERY_WORKER_CONCURRENCY": "",
        "CELERY_WORKER_WITHOUT_GOSSIP": "true",
        "CELERY_WORKER_WITHOUT_MINGLE": "false",
        "CELERY_WORKER_BEAT": "1",
        "CELERY_APP": "proj",
    }
    found = worker(f"celery worker {line}", environment)
    assert {name: (each.value, each.known) for name, each in found.options.items()} == expected
    assert found.options["queues"] == Option("queues", "a,b", source="environment")
    assert found.app == "proj"
    assert found.environment == environment


@pytest.mark.parametrize(
    ("line", "concurrency", "known"),
    [
        ("CELERY_WORKER_CONCURRENCY=2 celery worker", 2, True),
        ("export CELERY_WORKER_CONCURRENCY=2; celery worker", 2, True),
        ("env CELERY_WORKER_CONCURRENCY=2 celery worker", 2, True),
        ("sudo CELERY_WORKER_CONCURRENCY=2 sh -c 'celery worker'", 2, True),
        ("CELERY_WORKER_CONCURRENCY=2; celery worker", None, True),
        ("export CELERY_WORKER_CONCURRENCY=$(nproc); celery worker", None, False),
        ("env CELERY_WORKER_CONCURRENCY=$N celery worker", None, False),
        ("export CELERY_WORKER_CONCURRENCY=2; env -i celery worker", None, True),
        ("export CELERY_WORKER_CONCURRENCY=$(nproc); env CELERY_WORKER_CONCURRENCY=3 celery worker", 3, True),
    ],
)
def test_options_in_the_environment_that_the_shell_sets(line: str, concurrency: int | None, known: bool) -> None:
    found = worker(line)
    assert (found.concurrency, found.known("concurrency")) == (concurrency, known)


# ── Wrappers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wrapper",
    [
        *("exec", "exec -a name", "command", "nohup", "setsid", "setsid -w", "time", "time -p", "/usr/bin/time -f %e", "builtin"),
        *("nice", "nice -n 10", "nice -10", "nice -n10", "ionice -c 2 -n 0", "ionice -c2", "stdbuf -oL", "stdbuf -o L", "unbuffer"),
        *("timeout 60", "timeout -s INT -k 5 60", "timeout --signal=INT 1h", "taskset 0x1", "chrt 1", "flock -n /tmp/lock", "chroot /srv"),
        *("env", "env A=b C=d", "env -u A -i B=c", "env --unset=A", "A=b", "A=b C=d exec", "/usr/bin/env"),
        *("sudo", "sudo -u app", "sudo -E -H -u app --", "sudo A=b", "sudo --user=app", "doas -u app"),
        *("gosu app", "su-exec app:app", "s6-setuidgid app", "setuser app", "chpst -u app -e env", "setuidgid app", "runuser -u app --"),
        *("runuser -u app", "setpriv --reuid=app --clear-groups", "setpriv --reuid app", "systemd-run --unit x --scope"),
        *("dumb-init", "dumb-init --", "/usr/bin/dumb-init -r 15:2 --", "tini", "tini --", "/sbin/tini -g -s --", "tini -p SIGTERM --", "catatonit"),
        *("/init", "/usr/bin/with-contenv", "busybox"),
        *("python -m", "python3 -m", "python3.12 -u -m", "/venv/bin/python -X dev -W ignore -m", "pypy3 -m", "python -um", "python -O /venv/bin/"),
        *("coverage run -m", "coverage run --source=. -p -m", "coverage run --source . -m", "python -m coverage run -m"),
        *("uv run", "uv run --", "uv run --with x --no-sync", "uv --directory x run", "uv run python -m", "uv run -m", "uvx", "uvx --from x"),
        *("poetry run", "poetry -C x run", "pipenv run", "pdm run", "pdm run -p x", "hatch run", "hatch run prod:", "hatch -e x run", "rye run"),
        *("pixi run -e x", "conda run -n x", "conda run --no-capture-output --name x", "micromamba run -n x", "mise exec --", "mise x python@3 --"),
        *("newrelic-admin run-program", "ddtrace-run", "ddtrace-run python -m", "opentelemetry-instrument", "elasticapm-run"),
        "opentelemetry-instrument --traces_exporter console --service_name x",
        *("py-spy record -o x --", "memray run -m", "memray run -o x -m", "xvfb-run -a", "entr -r"),
        *("watchmedo auto-restart --", "watchmedo auto-restart -d . -p '*.py' -R --", "watchmedo auto-restart --directory=./ --recursive"),
        *("wait-for-it db:5432 --", "./wait-for-it.sh db:5432 -t 60 --strict --", "wait-for db:5432 redis:6379 --"),
        *("dockerize -wait tcp://db:5432 -timeout 60s", "dockerize --wait x"),
        *("honcho run", "honcho -e .env run", "foreman run -e .env", "forego run", "heroku run", "heroku run -a app --"),
        *("docker compose run --rm web", "docker compose -f x.yml --profile y run -e A=b --name n web", "docker-compose exec -T web"),
        *("docker run --rm -it -e A=b -v x:y --name n image:tag", "docker exec -it -u app web", "podman run image", "podman compose run web"),
        *("kubectl exec -it pod --", "kubectl -n ns exec deploy/x -c y --", "oc exec pod --"),
        *("aws-vault exec prod --", "chamber exec app --", "doppler run --", "doppler run -p x -c y --", "infisical run --env=prod --"),
        *("dotenv run", "dotenv -f .env run --", "direnv exec .", "envdir env", "envconsul -prefix x", "op run --env-file=.env --"),
        *("sudo -u app env A=b nice -n 5 timeout 60 dumb-init --", "exec gosu app tini -- uv run python -m", "$PREFIX", "exec $PREFIX"),
        *("./docker-entrypoint.sh", "/entrypoint.sh", "bin/wait-for-db.sh db 5432 --"),
    ],
)  # fmt: skip
def test_wrappers(wrapper: str) -> None:
    glued = wrapper.endswith((":", "/"))
    found = worker(f"{wrapper}{'' if glued else ' '}celery -A proj worker -Q a --pool=solo")
    assert (found.app, found.queues, found.pool, found.form) == ("proj", ("a",), "solo", "command")
    assert found.command.rpartition("/")[2] == "celery -A proj worker -Q a --pool=solo"


@pytest.mark.parametrize(
    "line",
    [
        "sh -c '{}'",
        "/bin/bash -c '{}'",
        "bash -lc '{}'",
        "bash -ec '{}'",
        "bash -l -c '{}'",
        "bash -o pipefail -euxc '{}'",
        "zsh -c 'exec {}'",
        "ash -c '{} | tee log'",
        "dash -c 'cd /app && {}'",
        "su -c '{}' app",
        "su app -c '{}'",
        "su - app -s /bin/sh -c '{}'",
        "su -s /bin/sh app --command='{}'",
        "runuser app -c '{}'",
        "flock -n lock -c '{}'",
        "nix-shell --run '{}'",
        "watchfiles '{}' src",
        "watchfiles --filter python '{}' a b",
        "nodemon --exec '{}' -e py",
        "nodemon -x '{}'",
        "heroku run '{}'",
        "concurrently 'npm run x' '{}'",
        "doppler run --command='{}'",
        "env -S '{}'",
        "eval '{}'",
        "sudo bash -c 'bash -c \"{}\"'",
        "docker run image sh -c '{}'",
        "f() {{ {}; }}; f",
        "f() {{ {}; }}",
        "if a; then {}; fi",
        "({}) &",
        "while true; do {}; sleep 1; done",
        "bash -c '$0 \"$@\"' {}",
        "set -- {}; exec \"$@\"",
        "A=({}); exec \"${{A[@]}}\"",
        "CMD='{}'; exec $CMD",
        "CMD='{}'; eval \"$CMD\"",
        "CMD='{}'; sh -c \"$CMD\"",
        "run() {{ nohup \"$@\" & }}; run {}",
    ],
)  # fmt: skip
def test_shell_text_within_commands(line: str) -> None:
    text = line.format("celery -A proj worker -Q a,b")
    if line.startswith("bash -c '$0"):
        assert commands(text) == []  # the name of the program is no positional parameter that is followed
        return
    found = worker(text)
    assert (found.app, found.queues, found.form, found.command) == ("proj", ("a", "b"), "command", "celery -A proj worker -Q a,b")
    assert at(text, found.options["queues"].value_span) == "a,b"
    assert found.row == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("indico celery worker -B", "indico celery worker -B"),
        ("/opt/x/bin/indico celery worker -B", "/opt/x/bin/indico celery worker -B"),
        ("python manage.py celery worker -B", "manage.py celery worker -B"),
        ("./manage.py celery worker -B", "./manage.py celery worker -B"),
        ("flask --app x celery -A y worker -B", "flask --app x celery -A y worker -B"),
        ("uv run flask celery worker -B", "flask celery worker -B"),
        ("coverage run manage.py celery worker -B", "manage.py celery worker -B"),
    ],
)
def test_a_projects_own_program(line: str, expected: str) -> None:
    found = worker(line)
    assert (found.form, found.command, found.beat) == ("wrapper", expected, True)
    assert at(line, found.span) == expected


@pytest.mark.parametrize(
    "line",
    [
        "/opt/x/.venv/bin/celery -A proj worker",
        "celery.exe -A proj worker",
        '"${VENV}/bin/celery" -A proj worker',
        "$VENV/bin/celery -A proj worker",
        "${CELERY_BIN} -A proj worker",
        "$CELERY -A proj worker",
        "${CELERY_BIN:-celery} -A proj worker",
        "start-stop-daemon --start --quiet --chuid app --exec /venv/bin/celery -- -A proj worker",
        "start-stop-daemon -S -x=/bin/false --startas=/venv/bin/celery -- -A proj worker",
        "watchgod celery.__main__.main --args -A proj worker",
    ],
)
def test_the_celery_program(line: str) -> None:
    found = worker(line)
    assert (found.app, found.form) == ("proj", "command")


SURVEY = [
    ("celery --app shop.celeryconf:app worker -E", "shop.celeryconf:app", None, None, None),
    ("celery -A proj worker --pool=threads --concurrency=20 -l info -Q high,low,images", "proj", "threads", ("high", "low", "images"), 20),
    ("/opt/shop/venv/bin/celery -A proj worker -l info -Q high,misc", "proj", None, ("high", "misc"), None),
    ('bash -c "source /app/.venv/bin/activate && python -m celery -A kit worker -l info -n default@%h -Q celery,email"',
     "kit", None, ("celery", "email"), None),
    ("exec s6-setuidgid app /usr/local/bin/celery --app docs worker --loglevel INFO --without-mingle --without-gossip", "docs", None, None, None),
    ("uv run celery --app docs worker -l DEBUG", "docs", None, None, None),
    ("celery --app web.tasks.make_celery worker --loglevel ${LOGLEVEL:=INFO} --concurrency 2", "web.tasks.make_celery", None, None, 2),
    ("/opt/indico/.venv/bin/indico celery worker -B", None, None, None, None),
    ("celery -A a.b.app worker -l info --concurrency=1 -n frontend:{uuid.uuid4().hex}@%h -Q frontend", "a.b.app", None, ("frontend",), 1),
    ("celery -A a.b.app worker -l info --concurrency={core_worker_count} -n core:{uuid}@%h", "a.b.app", None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("line", "app", "pool", "queues", "concurrency"), SURVEY)
def test_commands_of_real_projects(
    line: str, app: str | None, pool: str | None, queues: tuple[str, ...] | None, concurrency: int | None
) -> None:
    found = worker(line)
    assert (found.app, found.pool, found.queues, found.concurrency, found.open) == (app, pool, queues, concurrency, False)


def test_a_script_with_a_queue_from_its_caller() -> None:
    text = (
        "#!/bin/bash\nQUEUE=$1\nif [ \"$QUEUE\" == \"email\" ]; then\n  CONCURRENCY=\"--concurrency 1\"\nfi\n"
        "exec celery -A kit worker -Q $QUEUE $CONCURRENCY --max-tasks-per-child=${MAX:-25}\n"
    )  # fmt: skip
    alone = worker(text)
    assert (options(alone), alone.open, alone.row) == ({"queues": False, "max-tasks-per-child": "25"}, True, 6)
    called = worker("./bin/run.sh email", files={"bin/run.sh": text})
    assert options(called) == {"queues": "email", "concurrency": "1", "max-tasks-per-child": "25"}
    assert (called.file, called.row, called.started_from, called.open) == ("bin/run.sh", 6, (("start", 1),), False)
    other = worker("./bin/run.sh images", files={"bin/run.sh": text})
    assert options(other) == {"queues": "images", "max-tasks-per-child": "25"}
    assert other.open  # `$CONCURRENCY` may come from the environment


# ── celery multi ─────────────────────────────────────────────────────────────────────────────────────────────────────

MULTI = [
    "start w1 w2 -A proj -c:w1 10 -P:w2 solo -Q:1 a,b -Q b",
    "start Leslie -E",
    "start 3 -c 3 -c:1 10",
    "start 3 --range-prefix=worker -c 3",
    "start image video data -c 3 -c:image 10",
    "start 5 -c 3 -c:1-3 10",
    "start 5 -c 3 -c:1,5 10 -Q:2-3 a",
    "start foo bar baz xuzzy -c 3 -c:foo,bar,baz 10",
    "start foo bar baz -c:1,3 10 -Q:2 b",
    "start foo@h bar@h -c:foo 2 -P:bar solo",
    "start w1 w2 --pool=solo --pool:w2=threads --concurrency=2",
    "start w1 w2 --pool=solo -P:w2 threads",
    "start w1 --prefix=x -c 2 -c 3",
    "start w1 -E -c 2 -B",
    "start w1 -E w2 -c 2",
    "start a-b -c 2 -c:a-b 3",
    "restart w1 w2 -Q a -l info",
    "start w1 --quiet -q --nosplash -Q a",
    "start w1 -Q a -- worker_pool=solo",
    "start w1 --pool solo",
    "start 2 -n host -c 2",
]


@pytest.mark.parametrize("line", MULTI)
@pytest.mark.parametrize("before", ["", "-A proj "])
def test_multi_means_what_celery_means(line: str, before: str) -> None:
    from celery.apps.multi import MultiParser, NamespacedOptionParser

    found = commands(f"celery {before}multi {line}")
    arguments = [word for word in shlex.split(line)[1:] if word not in ("--quiet", "-q", "--nosplash")]
    parser = NamespacedOptionParser([*arguments, *shlex.split(before), "--pidfile=%n.pid", "--logfile=%n.log"])
    parser.parse()
    expected = {}
    for node in MultiParser(cmd="celery worker").parse(parser):
        given = {name: value for name, value in node.options.items() if name not in ("-n", "--pidfile", "--logfile", "--executable")}
        expected[node.name.partition("@")[0]] = worker(
            "celery worker "
            + " ".join(f"{name}={value}" if name[:2] == "--" and value else f"{name} {value or ''}" for name, value in given.items())
        )
    assert [each.node.partition("@")[0] for each in found if isinstance(each, WorkerCommand)] == [*expected]
    for each in found:
        assert isinstance(each, WorkerCommand)
        same = expected[each.node.partition("@")[0]]
        assert (options(each), each.app) == (options(same), same.app)


def test_multi_places() -> None:
    line = "celery multi start w1 w2 -A proj --pool:w2=gevent -c:1 10"
    first, second = commands(line)
    assert isinstance(first, WorkerCommand)
    assert isinstance(second, WorkerCommand)
    assert (first.node, at(line, first.span), at(line, first.options["concurrency"].value_span)) == ("w1", line, "10")
    assert (second.node, second.pool, at(line, second.options["pool"].value_span)) == ("w2", "gevent", "gevent")


def test_multi_with_unknown_nodes() -> None:
    found = worker("celery multi start $CELERYD_NODES -A proj -Q a -c:w1 4 --pool:w2=solo")
    assert (found.node, found.app, found.queues, found.open) == ("", "proj", ("a",), True)
    assert (found.known("concurrency"), found.known("pool"), found.known("time-limit")) == (False, False, False)
    many = worker("celery multi start 100000 -A proj -c 4")
    assert (many.node, many.concurrency, many.open) == ("", 4, False)


def test_the_unit_of_celerys_documentation() -> None:
    line = (
        "/bin/sh -c '${CELERY_BIN} -A $CELERY_APP multi start $CELERYD_NODES \\\n  --pidfile=${CELERYD_PID_FILE} "
        '--logfile=${CELERYD_LOG_FILE} --loglevel="${CELERYD_LOG_LEVEL}" $CELERYD_OPTS\''
    )
    environment = {
        "CELERY_BIN": "/usr/local/bin/celery",
        "CELERY_APP": "proj",
        "CELERYD_NODES": "w1 w2",
        "CELERYD_OPTS": "--time-limit=300 --concurrency=8",
        "CELERYD_LOG_LEVEL": "INFO",
    }
    first, second = commands(line, environment)
    assert isinstance(first, WorkerCommand)
    assert isinstance(second, WorkerCommand)
    assert options(first) == {"pidfile": False, "logfile": False, "loglevel": "INFO", "time-limit": "300", "concurrency": "8"}
    assert (first.node, second.node, first.app, first.open) == ("w1", "w2", "proj", False)
    word = Word(line[len("/bin/sh -c '") : -1], Span(1, 11, 2, len(line.split("\n")[1])))
    (unknown,) = commands([Word("/bin/sh", Span(1, 0, 1, 7)), Word("-c", Span(1, 8, 1, 10)), word], {}, text=line)
    assert isinstance(unknown, WorkerCommand)
    assert (unknown.node, unknown.open, unknown.app) == ("", True, "$CELERY_APP")
    assert at(line, unknown.span) == line[len("/bin/sh -c '") : -1]


# ── Scripts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_entrypoint_starts_the_worker_where_its_arguments_stand() -> None:
    files = {"docker/entrypoint.sh": '#!/bin/sh\nset -e\npython manage.py migrate\nexec gosu app "$@"\n'}
    line = "a\n/docker/entrypoint.sh celery -A proj worker -Q a"
    found = worker(line, files=files)
    assert (found.file, at(line, found.span), found.row, found.started_from) == ("start", "celery -A proj worker -Q a", 2, ())
    assert at(line, found.options["queues"].span) == "-Q a"
    words = [Word("/docker/entrypoint.sh", None), Word("celery", Span(1, 1, 1, 7)), Word("worker", Span(1, 9, 1, 15))]
    (found_words,) = commands(words, {}, files, text='"celery" "worker"')
    assert (found_words.file, found_words.span) == ("start", Span(1, 1, 1, 15))


def test_a_script_knows_its_arguments_and_environment() -> None:
    files = {"bin/worker.sh": '#!/usr/bin/env bash\nexec celery -A proj worker -Q "$1" -c ${2:-3} -P $POOL -n x$1 "${@:3}"\n'}
    line = "\n\nPOOL=solo bash -e bin/worker.sh a 4 -B"
    found = worker(line, {"E": "e"}, files)
    assert options(found) == {"queues": "a", "concurrency": "4", "pool": "solo", "hostname": "xa", "beat": True}
    assert (found.file, found.row, found.started_from) == ("bin/worker.sh", 2, (("start", 3),))
    assert found.environment == {"E": "e", "POOL": "solo"}
    source = Source("bin/worker.sh", files["bin/worker.sh"])
    for option in found.options.values():
        for span in (option.span, option.value_span):
            assert span is None or span.row == 2
    queue = found.options["queues"].span
    assert queue is not None
    assert source.text[source.offset(queue.row, queue.column) : source.offset(queue.end_row, queue.end_column)] == '-Q "$1"'
    assert found.options["beat"].span is None
    assert found.options["queues"].value_span is None
    assert options(worker("bin/worker.sh a", files=files))["concurrency"] == "3"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/entry.sh web", []),
        ("/entry.sh worker", ["celery -A proj worker -Q a"]),
        ("/entry.sh", []),
        ("/entry.sh celery -A other worker", ["celery -A other worker"]),
        ("bash ./entry.sh worker", ["celery -A proj worker -Q a"]),
        ("tini -- /entry.sh worker", ["celery -A proj worker -Q a"]),
        ("cd /app && ./entry.sh worker", ["celery -A proj worker -Q a"]),
        ("./entry.sh ./entry.sh worker", []),
    ],
)
def test_what_a_script_does_with_its_arguments(line: str, expected: list[str]) -> None:
    text = (
        '#!/bin/sh\ncase "$1" in\n  web) exec gunicorn x;;\n  worker) shift; exec celery -A proj worker -Q a "$@";;\n'
        "  '') exec bash;;\n  *) exec \"$@\";;\nesac\n"
    )
    found = commands(line, files={"entry.sh": text})
    assert [each.command for each in found if isinstance(each, WorkerCommand)] == expected


def test_scripts_that_are_followed_or_not() -> None:
    files = {
        "a.sh": "./b.sh x",
        "b.sh": "./c.sh $1",
        "c.sh": "celery worker -Q $1; ./a.sh",
        "loop.sh": "./loop.sh; ./loop.sh & celery worker",
        "tool": "#!/usr/bin/env python\ncelery worker",
        "nothing.sh": "echo \"$@\"",
    }  # fmt: skip
    found = worker("./a.sh", files=files)
    assert (found.file, found.queues, found.started_from) == ("c.sh", ("x",), (("start", 1),))
    assert [each.file for each in commands("./loop.sh", files=files)] == ["loop.sh"]
    assert commands("./tool", files=files) == []
    assert commands("./nothing.sh celery worker", files=files) == []
    assert [each.file for each in commands("./missing.sh celery worker")] == ["start"]


def test_calls_of_scripts_are_bounded() -> None:
    files = {f"s{number}.sh": "\n".join(f"./s{other}.sh" for other in range(10)) + "\ncelery worker" for number in range(10)}
    assert 1 <= len(commands("./s0.sh", files=files)) <= 51


# ── Redis ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "form", "conf", "expected"),
    [
        ("redis-server", "command", None, []),
        ("valkey-server --port 7000", "command", None, [("port", ("7000",))]),
        ("/usr/bin/keydb-server", "command", None, []),
        ("redis-server /etc/redis/redis.conf", "command", "/etc/redis/redis.conf", []),
        ("redis-server conf/redis.conf --port 1", "command", "conf/redis.conf", [("port", ("1",))]),
        ("redis-server --save '' --appendonly no", "command", None, [("save", ("",)), ("appendonly", ("no",))]),
        ("redis-server --save --appendonly no", "command", None, [("save", ("",)), ("appendonly", ("no",))]),
        ("redis-server --save 60 1 --save '300 10'", "command", None, [("save", ("60", "1")), ("save", ("300", "10"))]),
        ("redis-server --MaxMemory-Policy allkeys-lru", "command", None, [("maxmemory-policy", ("allkeys-lru",))]),
        ("exec docker-entrypoint.sh redis-server --maxmemory 100mb", "command", None, [("maxmemory", ("100mb",))]),
        ("echo x | redis-server - --port 1", "command", None, [("port", ("1",))]),
        ("redis-sentinel /s.conf", "sentinel", "/s.conf", []),
        ("redis-server /s.conf --sentinel", "sentinel", "/s.conf", []),
        ("redis-server --requirepass $PASSWORD --port 1", "command", None, [("requirepass", None), ("port", ("1",))]),
        ("redis-server $CONF --port 1", "command", None, [("port", ("1",))]),
    ],
)
def test_redis(line: str, form: str, conf: str | None, expected: list[tuple[str, tuple[str, ...] | None]]) -> None:
    files = {"docker-entrypoint.sh": 'exec "$@"'} if "docker-entrypoint" in line else {}
    (found,) = commands(line, files=files, service="cache", optional=True)
    assert isinstance(found, RedisServer)
    assert (found.form, found.conf, found.service, found.optional) == (form, conf, "cache", True)
    assert [(each.name, each.values if each.known else None) for each in found.directives] == expected


def test_redis_places_and_configuration() -> None:
    line = "redis-server redis.conf --save 60 1 \\\n --appendonly 'yes'"
    (found,) = commands(line, files={"redis.conf": ""})
    assert isinstance(found, RedisServer)
    assert (found.conf, at(line, found.span)) == ("redis.conf", line)
    assert [at(line, each.span) for each in found.directives] == ["--save 60 1", "--appendonly 'yes'"]


@pytest.mark.parametrize("line", ["redis-server --version", "redis-server -v", "redis-cli ping", "redis-server --test-memory 1"])
def test_no_redis(line: str) -> None:
    assert commands(line) == []


# ── All of it ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_start_says_is_handed_on() -> None:
    (found,) = commands("celery worker", {"A": "b"}, service="web", optional=True)
    assert isinstance(found, WorkerCommand)
    assert (found.service, found.optional, found.environment) == ("web", True, {"A": "b"})


def test_words_of_a_file_that_runs_no_shell() -> None:
    text = '["celery", "worker", "-Q", "a,b", "$OPTS"]'
    words = [
        Word("celery", Span(1, 1, 1, 9)),
        Word("worker", Span(1, 11, 1, 19)),
        Word("-Q", Span(1, 21, 1, 25)),
        Word("a,b", Span(1, 27, 1, 32)),
    ]
    (found,) = commands([*words, Word("$OPTS", Span(1, 34, 1, 41), known=False)], text=text)
    assert isinstance(found, WorkerCommand)
    assert (at(text, found.span), found.queues, found.open) == ('"celery", "worker", "-Q", "a,b", "$OPTS"', ("a", "b"), True)
    assert (at(text, found.options["queues"].span), at(text, found.options["queues"].value_span)) == ('"-Q", "a,b"', "a,b")


def test_words_without_a_place() -> None:
    (found,) = commands([Word("celery", None), Word("worker", None), Word("-Q", None), Word("a", None)])
    assert isinstance(found, WorkerCommand)
    assert (found.span, found.options["queues"].span, found.queues) == (Span(1, 0, 1, 0), None, ("a",))


WORDS = st.sampled_from(
    [
        *("celery", "worker", "beat", "multi", "start", "w1", "3", "-A", "proj", "-c", "-c:1", "-Q:w1,3", "--pool:2=solo", "-P", "-Pgevent", "-"),
        *("--", "-Q", "$Q", '"$@"', "a,b", "exec", "env", "A=b", "sudo", "-u", "bash", "-c", "-lc", "su", "python", "-m", "-mcelery", "uv", "run"),
        *("docker", "compose", "'celery worker'", "redis-server", "--save", "''", "--sentinel", "x.sh", "watchfiles", "hatch", "p:celery", ";", "&"),
        *("watchgod", "--args", "start-stop-daemon", "--exec", "--exec=", "timeout", "heroku", "1-9", "-c:1-99999999", "$CELERY_BIN", "--range-prefix"),
    ]
)  # fmt: skip


@settings(max_examples=600, deadline=2000)
@given(st.lists(WORDS, max_size=14))
def test_no_command_makes_it_fail(words: list[str]) -> None:
    line = " ".join(words)
    files = {"x.sh": 'exec "$@" -Q "$1"'}
    commands(line, files=files)
    commands([Word(each, None, known="$" not in each) for each in words], files=files)
