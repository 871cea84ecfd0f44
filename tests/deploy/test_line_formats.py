"""Do the readers of all formats but YAML find what the files start, where it stands, and with which variables?"""

from __future__ import annotations

import posixpath
import tomllib
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lint_rules.deploy.formats import Broken, Said, format_of, reader_of
from lint_rules.deploy.formats.redis_conf import directives_of
from lint_rules.deploy.model import RedisServer, Start, Variable
from lint_rules.deploy.notations.json_text import read_json
from lint_rules.deploy.notations.literals import Quoted, Value
from lint_rules.deploy.notations.splitting import split
from lint_rules.deploy.notations.toml_text import read_toml
from lint_rules.deploy.text import NOWHERE, Source
from lint_rules.facts.model import Span

MODULES = (
    "procfile",
    "dockerfile",
    "makefile",
    "pyproject",
    "package_json",
    "vscode_tasks",
    "systemd",
    "redis_conf",
    "supervisor",
    "shell_script",
    "documentation",
    "fly_toml",
)


class Files:
    """A project that consists of these files."""

    def __init__(self, **files: str) -> None:
        self.files = files

    def beside(self, file: str, path: str) -> Source | None:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return Source(target, self.files[target]) if target in self.files else None

    def script(self, path: str, file: str) -> Source | None:
        return None


def said(file: str, text: str, module: str | None = None, **others: str) -> list[Said]:
    name = module or format_of(posixpath.basename(file))
    assert name in MODULES
    return list(reader_of(name)(Source(file, text), Files(**{file: text, **others})))


def started(file: str, text: str, module: str | None = None, **others: str) -> list[Start]:
    return [each for each in said(file, text, module, **others) if isinstance(each, Start)]


def lines(file: str, text: str, module: str | None = None, **others: str) -> list[str]:
    """Service and command of each start, optional ones in brackets, unknown words with a question mark."""
    found = []
    for start in started(file, text, module, **others):
        words = " ".join(("" if word.known else "?") + (word.text if " " not in word.text else repr(word.text)) for word in start.words)
        line = f"{start.service}: {start.shell.value if start.shell is not None else words}"
        found.append(f"[{line}]" if start.optional else line)
    return found


def at(text: str, span: Span | None) -> str:
    source = Source("x", text)
    assert span is not None
    return text[source.offset(span.row, span.column) : source.offset(span.end_row, span.end_column)]


# ── Procfile ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_procfile() -> None:
    text = "# comment\nweb: gunicorn shop\nworker-fast:   celery -A shop worker -Q a,b  \n\nempty:\nnot an entry\n"
    assert lines("Procfile.dev", text) == ["web: gunicorn shop", "worker-fast: celery -A shop worker -Q a,b"]
    (_, worker) = started("Procfile", text)
    assert worker.shell is not None
    assert worker.shell.span == Span(3, 15, 3, 43)


def test_procfile_reads_the_env_beside_it() -> None:
    files = {"app/.env": "POOL=gevent\n"}
    found = said("app/Procfile", "worker: celery -A shop worker -P $POOL\n", **files)
    assert Variable("POOL", "gevent", "app/.env", 1) in found
    assert [each.environment for each in found if isinstance(each, Start)] == [{"POOL": "gevent"}]


# ── Dockerfile ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM python\nCMD celery -A shop worker\n", [": celery -A shop worker"]),
        ('FROM python\nCMD ["celery", "-A", "shop", "worker", "-Q", "a b"]\n', [": celery -A shop worker -Q 'a b'"]),
        ("FROM python\nCMD one\nCMD two\n", [": two"]),
        ("FROM python\nRUN celery worker\nHEALTHCHECK CMD celery inspect ping\nONBUILD CMD celery\n", []),
        ('FROM python\nENTRYPOINT ["tini", "--"]\nCMD ["celery", "worker"]\n', [": tini -- celery worker"]),
        ('FROM python\nENTRYPOINT ["tini", "--"]\nCMD celery worker\n', [": tini -- /bin/sh -c 'celery worker'"]),
        ('FROM python\nENTRYPOINT celery worker\nCMD ["ignored"]\n', [": celery worker"]),
        ('FROM python\nENTRYPOINT []\nCMD ["celery", "worker"]\n', [": celery worker"]),
        # not JSON: Docker hands it to a shell
        ("FROM python\nCMD ['celery', 'worker']\n", [": ['celery', 'worker']"]),
        ('FROM python\nCMD [ "$X" = 1 ] && celery worker\n', [': [ "$X" = 1 ] && celery worker']),
        # continued lines, with comments and empty lines between them
        ("FROM python\nCMD celery \\\n  # the app\n\n  -A shop \\  \n  worker\n", [": celery   -A shop   worker"]),
        ('FROM python\nCMD [ \\\n  "celery", \\\n  "worker" \\\n]\n', [": celery worker"]),
        ("# syntax=docker/dockerfile:1\n# escape=`\nFROM python\nCMD celery `\n worker\n", [": celery  worker"]),
        ("from python\ncmd celery worker\n", [": celery worker"]),
        # here-documents hold no instructions
        ("FROM python\nRUN <<EOF\nCMD celery worker\nEOF\nCMD flower\n", [": flower"]),
        ("FROM python\nRUN cat <<-'EOF' > /x && true\n\tCMD celery worker\n\tEOF\nCMD flower\n", [": flower"]),
        ("FROM python\nRUN cat <<< EOF\nCMD celery worker\n", [": celery worker"]),
        # stages
        ("FROM python AS worker\nCMD celery worker\nFROM python AS web\nCMD gunicorn\n", ["[worker: celery worker]", "web: gunicorn"]),
        ("FROM python AS base\nCMD celery worker\nFROM base\n", [": celery worker"]),
        ('FROM python AS base\nCMD celery worker\nFROM base\nENTRYPOINT ["tini"]\n', ["[base: celery worker]", ": tini"]),
        ('FROM python AS base\nENTRYPOINT ["tini"]\nFROM --platform=linux/amd64 base\nCMD ["celery"]\n', ["[base: tini]", ": tini celery"]),
        ("FROM python\n", []),
        # the entry point of the Redis image
        ('FROM redis:7\nCMD ["redis-server", "--appendonly", "no"]\n', [": redis-server --appendonly no"]),
        ('FROM redis:7\nCMD ["--appendonly", "no"]\n', [": redis-server --appendonly no"]),
        ("CMD before any stage\n", []),
        ("", []),
    ],
)
def test_dockerfile(text: str, expected: list[str]) -> None:
    assert lines("Dockerfile", text) == expected


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ("ENV A=1 B=two C='x y' D=\"p q\"", {"A": "1", "B": "two", "C": "x y", "D": "p q"}),
        ("ENV A=1 \\\n    B=2", {"A": "1", "B": "2"}),
        ("ENV NAME some value", {"NAME": "some value"}),
        ("ENV A=1\nENV B=$A-${A}", {"A": "1", "B": "1-1"}),
        ("ENV A=1\nENV A=2 B=$A", {"A": "2", "B": "1"}),  # values as they were before the instruction
        ("ENV A='$B' C=\\$B D=a\\ b", {"A": "$B", "C": "$B", "D": "a b"}),
        ("ARG A=1\nENV B=$A", {"B": "1"}),
        ("ARG A\nENV B=$A C=${A:-3}", {"C": "3"}),
        ("ENV PATH=/x:$PATH", {}),
        ("ENV A=1\nENV A=$UNKNOWN", {}),
        ("ENV A=1\nENV B=${A:+yes}", {"A": "1", "B": "yes"}),
        ("ENV A=x=y B=a/b=c", {"A": "x=y", "B": "a/b=c"}),
    ],
)
def test_dockerfile_variables(instructions: str, expected: dict[str, str]) -> None:
    text = f"FROM python\n{instructions}\nCMD celery worker\n"
    assert [each.environment for each in started("Dockerfile", text)] == [expected]
    assert {each.name for each in said("Dockerfile", text) if isinstance(each, Variable)} >= expected.keys()


def test_dockerfile_variables_are_inherited_from_stages() -> None:
    text = "ARG Q=high\nFROM python AS base\nENV A=1\nFROM base\nARG Q\nENV B=$A$Q\nCMD celery worker\n"
    assert [each.environment for each in started("Dockerfile", text)] == [{"A": "1", "B": "1high"}]


def test_dockerfile_places() -> None:
    text = 'FROM python\nCMD ["celery", \\\n  "-Q", "a,b"]\n'
    (start,) = started("Dockerfile", text)
    assert [at(text, word.span) for word in start.words] == ['"celery"', '"-Q"', '"a,b"']
    assert start.words[2].span == Span(3, 8, 3, 13)


# ── Makefile ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("worker:\n\tcelery -A shop worker\n", ["[worker: celery -A shop worker]"]),
        ("worker: venv ; celery -A shop worker\n", ["[worker: celery -A shop worker]"]),
        ("a b: c\n\t@-celery worker\n\t+ flower\n", ["[a: celery worker]", "[a: flower]"]),
        ("APP = shop\nworker:\n\tcelery -A $(APP) worker -n ${APP}@%h\n", ["[worker: celery -A shop worker -n shop@%h]"]),
        ("A := x\nB = $(A)/$(C)\nC ?= z\nC ?= no\nA += y\nw:\n\tcelery $(B)\n", ["[w: celery x y/z]"]),
        ("A = 1\nB := $(A)\nA = 2\nw:\n\tcelery $(B) $(A)\n", ["[w: celery 1 2]"]),
        ("w:\n\tcelery -Q $$QUEUE -c $(shell nproc) $(UNKNOWN) $@\n", ["[w: celery -Q $QUEUE -c $(shell nproc) $(UNKNOWN) w]"]),
        ("A = $(A)\nB = $(C)\nC = $(B)\nw:\n\tcelery $(A) $(B)\n", ["[w: celery $(A) $(B)]"]),
        # both branches are read; what they set differently is unknown
        ("ifdef CI\nP = solo\nelse\nP = gevent\nendif\nw:\n\tcelery -P $(P)\n", ["[w: celery -P $(P)]"]),
        ("ifdef CI\nw:\n\tcelery 1\nelse\nw:\n\tcelery 2\nendif\n", ["[w: celery 1]", "[w: celery 2]"]),
        ("w: P = gevent\nw:\n\tcelery -P $(P)\nv:\n\tcelery -P $(P)\n", ["[w: celery -P gevent]", "[v: celery -P $(P)]"]),
        ("define script\n\tcelery worker\nendef\nw:\n\ttrue\n", ["[w: true]"]),
        ("# w:\n\tcelery worker\n", []),
        ("w: # comment\n\n\t# comment\n\tcelery worker # comment\n", ["[w: celery worker # comment]"]),
        ("A = 1 # comment\nw:\n\tcelery -c $(A)\n", ["[w: celery -c 1]"]),
        ("w:\n\tcelery \\\n\t  worker\n", ["[w: celery \\\n\t  worker]"]),
        ("A = a \\\n  b\nw:\n\tcelery $(A)\n", ["[w: celery a b]"]),
        ("w:\n\tcelery \\", ["[w: celery \\]"]),
    ],
)
def test_makefile(text: str, expected: list[str]) -> None:
    assert lines("Makefile", text) == expected


def test_makefile_exports() -> None:
    text = "export QUEUE = a\nPOOL = gevent\nexport POOL\nexport NOT = $(shell x)\nworker:\n\tcelery worker\n"
    found = said("Makefile", text)
    assert [each.environment for each in found if isinstance(each, Start)] == [{"QUEUE": "a", "POOL": "gevent"}]
    assert Variable("QUEUE", "a", "Makefile", 1) in found


def test_makefile_places() -> None:
    text = "APP = shop\nworker:\n\t@celery -A $(APP) worker -P gevent\n"
    (start,) = started("Makefile", text)
    assert start.shell is not None
    assert start.shell.value == "celery -A shop worker -P gevent"
    assert at(text, start.shell[23:].span) == "P gevent"
    assert start.shell[10:14].span is None


def test_makefile_variables_that_grow_without_end() -> None:
    text = "".join(f"A{number} = $(A{number + 1})$(A{number + 1})\n" for number in range(200)) + "A200 = x\nw:\n\tcelery $(A0)\n"
    assert len(lines("Makefile", text)) == 1


# ── pyproject.toml and fly.toml ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[tool.poe.tasks]\nworker = "celery -A shop worker"\n', ["[worker: celery -A shop worker]"]),
        ('[tool.poe.tasks]\nworker.help = "Start"\nworker.cmd = "celery -A shop worker -E"\n', ["[worker: celery -A shop worker -E]"]),
        ('[tool.poe.tasks.worker]\ncmd = """\ncelery\n  -A shop worker\n"""\n', ["[worker: celery   -A shop worker ]"]),
        ("[tool.poe.tasks]\na.shell = '''\ntrue\ncelery worker\n'''\n", ["[a: true\ncelery worker\n]"]),
        (
            '[tool.poe.tasks]\na = ["b", { cmd = "celery worker" }, {shell = "flower"}]\nb = "x"\n',
            ["[a: celery worker]", "[a: flower]", "[b: x]"],
        ),
        ('[tool.poe.tasks]\na.sequence = [{cmd = "celery worker"}, "b"]\nb.ref = "a"\nc.script = "m:f"\n', ["[a: celery worker]"]),
        (
            '[tool.pdm.scripts]\na = "celery worker {args}"\nb.cmd = ["celery", "-Q", "a b"]\n',
            ["[a: celery worker ]", "[b: celery -Q 'a b']"],
        ),
        (
            '[tool.pdm.scripts]\na.composite = ["b x", "celery worker"]\nb.shell = "true && celery"\n',
            ["[a: celery worker]", "[b: true && celery]"],
        ),
        ('[tool.hatch.envs.dev.scripts]\na = "celery -A {args:shop} worker"\n', ["[a: celery -A shop worker]"]),
        (
            '[tool.hatch.envs.dev.scripts]\na = ["- migrate all", "celery worker", "b"]\nb = "x"\n',
            ["[a: migrate all]", "[a: celery worker]", "[b: x]"],
        ),
        (
            '[tool.taskipy.tasks]\na = "celery worker"\nb = { cmd = "celery beat", help = "x" }\n',
            ["[a: celery worker]", "[b: celery beat]"],
        ),
        ('[tool.rye.scripts]\na = ["celery", "worker"]\nb = { cmd = "celery beat" }\n', ["[a: celery worker]", "[b: celery beat]"]),
        (
            '[tool.pixi.tasks]\na = { cmd = "celery worker" }\n[tool.pixi.feature.x.tasks]\nb = "celery beat"\n',
            ["[a: celery worker]", "[b: celery beat]"],
        ),
        ('[tool.other.tasks]\na = "celery worker"\n[project]\nscripts = {a = "celery"}\n', []),
        ("[tool]\npoe = 3\npdm = {scripts = 4}\nhatch.envs.x = []\n", []),
    ],
)
def test_pyproject(text: str, expected: list[str]) -> None:
    assert lines("pyproject.toml", text) == expected


def test_pyproject_variables() -> None:
    text = """\
[tool.poe]
envfile = ".env"
env = { A = "1", HOME_OF_IT = "$HOME" }
[tool.poe.tasks.worker]
cmd = "celery worker"
env.B = "2"
env.C.default = "3"
"""
    found = said("pyproject.toml", text, **{".env": "D=4\n"})
    assert [each.environment for each in found if isinstance(each, Start)] == [{"D": "4", "A": "1", "B": "2", "C": "3"}]
    assert Variable("C", "3", "pyproject.toml", 7, "worker") in found


def test_pyproject_places() -> None:
    text = """\
# a = "celery worker"
[tool.poe.tasks]
a = "celery -n \\"w\\" worker -P gevent"
[tool.pdm.scripts]
a = { cmd = ['celery', "worker"] }
"""
    poe, pdm = started("pyproject.toml", text)
    assert poe.shell is not None
    assert poe.shell.value == 'celery -n "w" worker -P gevent'
    assert at(text, poe.shell[20:].span) == " -P gevent"
    assert [at(text, word.span) for word in pdm.words] == ["'celery'", '"worker"']


def test_fly_toml() -> None:
    text = 'app = "shop"\n[env]\nQUEUE = "a"\n[processes]\nweb = "gunicorn"\nworker = "celery -A shop worker -Q \'a b\'"\n'
    assert lines("fly.toml", text) == ["web: gunicorn", "worker: celery -A shop worker -Q 'a b'"]
    assert started("fly.toml", text)[1].environment == {"QUEUE": "a"}


@pytest.mark.parametrize(
    ("file", "text", "row", "reason"),
    [
        ("pyproject.toml", "[tool]\nx = \n", 2, "it is no valid TOML: Invalid value"),
        ("pyproject.toml", "x = " + "[" * 5000, 1, "nested too deeply"),
        ("package.json", '{\n "scripts": {"a" "b"}\n}', 2, "it is no valid JSON: a colon was expected after 'a'"),
        ("package.json", '{\n "scripts": "a', 2, "a string is not closed"),
        ("package.json", "{}\n}", 2, "something follows after its end"),
        ("package.json", "", 1, "it ends where a value was expected"),
        ("tasks.json", "[" * 5000, 1, "nested too deeply"),
    ],
)
def test_broken_files(file: str, text: str, row: int, reason: str) -> None:
    with pytest.raises(Broken) as raised:
        said(file, text)
    assert reason in raised.value.reason
    assert raised.value.row == row


# ── JSON files ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_package_json() -> None:
    text = '{"scripts": {"dev": "concurrently \\"vite\\" \\"celery -A shop worker\\"", "n": 1}, "dependencies": {"celery": "1"}}'
    assert lines("package.json", text) == ['[dev: concurrently "vite" "celery -A shop worker"]']
    (start,) = started("package.json", text)
    assert start.shell is not None
    assert at(text, start.shell[21:27].span) == "celery"
    assert lines("package.json", '{"scripts": []}') == []


def test_vscode_tasks() -> None:
    text = """\
{
  // the worker
  "version": "2.0.0",
  "options": {"env": {"QUEUE": "a"}},
  "tasks": [
    {"label": "shell", "type": "shell", "command": "uv run celery -A shop worker", "options": {"env": {"POOL": "solo", "X": "${env:X}"}}},
    {"label": "arguments", "type": "shell", "command": "uv run celery", "args": ["worker", {"value": "-Q a", "quoting": "strong"}, "${input:q}"]},
    {"taskName": "process", "type": "process", "command": "/my bin/celery", "args": ["worker",],},
    {"label": "group", "dependsOn": ["shell"]}, /* nothing */ 7,
  ],
}
"""
    assert lines(".vscode/tasks.json", text) == [
        "[shell: uv run celery -A shop worker]",
        "[arguments: uv run celery worker '-Q a' ?${input:q}]",
        "[process: '/my bin/celery' worker]",
    ]
    assert [each.environment for each in started("tasks.json", text)] == [{"QUEUE": "a", "POOL": "solo"}, {"QUEUE": "a"}, {"QUEUE": "a"}]


def test_launch_configurations() -> None:
    text = """\
{"configurations": [
    {"name": "worker", "module": "celery", "args": ["-A", "shop", "worker"], "env": {"A": "1"}, "envFile": "${workspaceFolder}/.env"},
    {"name": "manage", "program": "${workspaceFolder}/manage.py", "args": "celery worker -Q 'a b'"},
    {"name": "browser", "url": "http://localhost"},
]}
"""
    files = {".env": "B=2\n"}
    assert lines(".vscode/launch.json", text, **files) == [
        "[worker: python -m celery -A shop worker]",
        "[manage: python ?${workspaceFolder}/manage.py celery worker -Q 'a b']",
    ]
    assert started(".vscode/launch.json", text, **files)[0].environment == {"B": "2", "A": "1"}


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings_of_service", "expected"),
    [
        ("ExecStart=/venv/bin/celery -A shop worker", ["w: /venv/bin/celery -A shop worker"]),
        ("ExecStartPre=celery purge\nExecStop=celery stop", []),
        ("ExecStart=celery \\\n  # comment\n  -A shop \\\n  worker", ["w: celery -A shop worker"]),
        ("ExecStart=-:+celery worker $A", ["w: celery worker $A"]),
        ("ExecStart=@/venv/bin/celery name worker", ["w: /venv/bin/celery worker"]),
        ("ExecStart=one\nExecStart=\nExecStart=two", ["w: two"]),
        ("ExecStart=one ; two", ["w: one", "w: two"]),
        ("Environment=A=1 'B=x y' \"C=z\"\nExecStart=celery -c ${A} --b=${B} $B ${D} $D", ["w: celery -c 1 '--b=x y' x y ?${D} ?$D"]),
        ("Environment=A=1\nEnvironment=\nExecStart=celery ${A}", ["w: celery ?${A}"]),
        ("Environment=A=1\nExecStart=celery $$A ${A}", ["w: celery $A 1"]),
        ("ExecStart=celery -n w%i@%%h", ["w: celery -n ?w%i@%h"]),
        ("Environment=A=1\nExecStart=/bin/sh -c 'celery -c ${A}'", ["w: /bin/sh -c 'celery -c ${A}'"]),
        ("ExecStart={{ venv }}/bin/celery -Q {{ queues | join(',') }}", ["w: ?'{{ venv }}/bin/celery' -Q ?\"{{ queues | join(',') }}\""]),
        ("# ExecStart=celery\n; ExecStart=celery", []),
        ("[Install]\nExecStart=celery", []),
    ],
)
def test_systemd(settings_of_service: str, expected: list[str]) -> None:
    assert lines("units/w@.service", f"[Unit]\nDescription=a\n[Service]\n{settings_of_service}\n") == expected


def test_systemd_environment_file() -> None:
    text = "[Service]\nEnvironment=A=1 B=1\nEnvironmentFile=-/etc/default/celery\nExecStart=celery -c $OPTS\n"
    files = {"units/celery": "A=2\nOPTS='-P gevent'\n"}
    found = said("units/w.service", text, **files)
    assert [each.environment for each in found if isinstance(each, Start)] == [{"A": "2", "B": "1", "OPTS": "-P gevent"}]
    assert lines("units/w.service", text, **files) == ["w: celery -c -P gevent"]
    assert Variable("B", "1", "units/w.service", 2, "w") in found
    assert Variable("A", "2", "units/celery", 1, "w") in found


def test_systemd_places() -> None:
    text = '[Service]\nEnvironment=Q=a\nExecStart=celery -Q ${Q},b \\\n  -n "w 1"\n'
    (start,) = started("w.service", text)
    assert [at(text, word.span) for word in start.words] == ["celery", "-Q", "${Q},b", "-n", '"w 1"']
    assert [word.text for word in start.words] == ["celery", "-Q", "a,b", "-n", "w 1"]


def test_a_file_without_a_service_is_no_unit() -> None:
    assert lines("toast.service.in", "ExecStart=celery worker\n") == []
    assert format_of("toast.service.ts") is None


# ── INI files ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[program:celery]\ncommand=celery -A shop worker\n", ["celery: celery -A shop worker"]),
        ("[program:a]\ncommand = celery\n    -A shop ; the app\n    worker\nuser=x\n", ["a: celery -A shop worker"]),
        ("[program:a]\ncommand=celery worker ; comment\n;command=x\n#command=x\n", ["a: celery worker"]),
        (
            "[program:a]\ncommand=celery -n %(program_name)s@%%h -c %(ENV_N)s -i %(process_num)02d\n",
            ["a: celery -n a@%h -c ?%(ENV_N)s -i ?%(process_num)02d"],
        ),
        ("[program:a]\ncommand=celery worker\nautostart=false\n", ["[a: celery worker]"]),
        ('[program:a]\ncommand=sh -c "celery worker; true"\n', ["a: sh -c 'celery worker; true'"]),
        (
            "{% for q in queues %}\n[program:{{ q }}]\ncommand={{ venv }}/celery -Q {{ q }}\n{% endfor %}\n",
            ["{{ q }}: ?'{{ venv }}/celery' -Q ?'{{ q }}'"],
        ),
        ("[program:a]\nuser=x\n[group:b]\nprograms=a\n", []),
        ("[pytest]\ncommand=celery worker\n", []),
        ("server {\n  command = celery;\n}\n", []),
        ("[watcher:a]\ncmd = celery\nargs = -A shop worker -n $(circus.wid)\n", ["a: celery -A shop worker -n ?$(circus.wid)"]),
        ("[watcher:a]\ncmd = celery worker\nautostart = False\n", ["[a: celery worker]"]),
        (
            "[uwsgi]\n  attach-daemon = celery -A shop worker\n  smart-attach-daemon = /tmp/pid celery beat\n",
            [": celery -A shop worker", ": celery beat"],
        ),
        (
            "[uwsgi]\nattach-daemon2 = cmd=celery worker,touch=x\nlegion-smart-attach-daemon = a /p celery\n",
            [": celery worker", ": celery"],
        ),
    ],
)
def test_ini(text: str, expected: list[str]) -> None:
    assert lines("supervisord.conf", text) == expected


def test_ini_variables() -> None:
    supervisor = '[supervisord]\nenvironment=A="1",B=x\n[program:a]\ncommand=celery\nenvironment=B=\'y,z\',\n  C="%(ENV_C)s",D=w\n'
    found = said("supervisord.conf", supervisor)
    assert [each.environment for each in found if isinstance(each, Start)] == [{"A": "1", "B": "y,z", "D": "w"}]
    assert Variable("B", "y,z", "supervisord.conf", 5, "a") in found
    circus = "[env]\nA = 1\n[env:a,b]\nB = 2\n[env:c]\nC = 3\n[watcher:a]\ncmd = celery\n"
    assert started("circus.ini", circus)[0].environment == {"A": "1", "B": "2"}
    assert started("uwsgi.ini", "[uwsgi]\nenv = A=1\nattach-daemon = celery\n")[0].environment == {"A": "1"}


def test_ini_places() -> None:
    text = '[program:a]\ncommand=celery -n a%%h "-Q" b ; c\n  -P gevent\n'
    (start,) = started("supervisord.conf", text)
    assert [at(text, word.span) for word in start.words] == ["celery", "-n", "a%%h", '"-Q"', "b", "-P", "gevent"]


# ── Redis ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_redis_conf() -> None:
    text = '# comment\nport 6379\n\nmaxmemory-policy allkeys-lru\nsave ""\nsave 60 1000\nrequirepass ${PASSWORD}\ninclude /etc/more.conf\n# end\n'
    (server,) = said("redis-cache.conf", text)
    assert isinstance(server, RedisServer)
    assert (server.form, server.span) == ("conf", Span(2, 0, 8, 22))
    assert [(each.name, each.values) for each in server.all("save")] == [("save", ("",)), ("save", ("60", "1000"))]
    policy = server.last("maxmemory-policy")
    assert policy is not None
    assert at(text, policy.span) == "maxmemory-policy allkeys-lru"
    assert [each.name for each in server.directives if not each.known] == ["requirepass"]


def test_sentinel_conf() -> None:
    (server,) = said("redis-sentinel.conf", "port 26379\nsentinel monitor mymaster redis 6379 2\n")
    assert isinstance(server, RedisServer)
    assert server.form == "sentinel"
    assert server.directives[1].values == ("monitor", "mymaster", "redis", "6379", "2")


def test_what_does_not_look_like_redis() -> None:
    assert said("redis.conf", "upstream redis {\n server redis:6379;\n}\nport 1\n") == []
    assert said("redis.conf", "# nothing\n") == []
    assert lines("redis.conf", "[program:redis]\ncommand=redis-server --appendonly no\n") == ["redis: redis-server --appendonly no"]


def test_directives_of_a_piece_of_a_file() -> None:
    source = Source("map.yaml", "data:\n  redis.conf: |\n    appendonly no\n    MaxMemory 1gb\n")
    piece = source.cut(source.offset(3, 0), len(source.text))
    assert [(each.name, each.values, each.span) for each in directives_of(piece)] == [
        ("appendonly", ("no",), Span(3, 4, 3, 17)),
        ("maxmemory", ("1gb",), Span(4, 4, 4, 17)),
    ]


# ── Scripts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file", "first", "service"),
    [
        ("bin/run-worker.sh", "#!/bin/bash", "run-worker"),
        ("bin/worker.sh.j2", "# no shebang", "worker"),
        ("bin/worker", "#!/usr/bin/env -S bash -e", "worker"),
        ("s6/svc-worker/run", "#!/command/with-contenv bash", "svc-worker"),
        ("s6/svc-worker/run", "#!/command/execlineb -P", "svc-worker"),
        ("bin/worker", "#!/usr/bin/env python3", None),
        ("bin/worker.sh", "#!/usr/bin/env python3", None),
        ("bin/worker", "celery", None),
    ],
)
def test_shell_script(file: str, first: str, service: str | None) -> None:
    text = f"{first}\nexec celery worker\n"
    found = started(file, text)
    assert [each.service for each in found] == ([service] if service else [])
    assert all(each.shell is not None and each.shell.value == text and not each.optional for each in found)


# ── Documents ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("a.md", "Run:\n\n```bash\n# in src/\ncelery -A shop worker\n```\nand\n", ["[: # in src/\ncelery -A shop worker]"]),
        (
            "a.md",
            "- Start it:\n\n  ```shell-session\n  $ celery -A shop worker\n  started\n  # celery beat\n  ```\n",
            ["[: celery -A shop worker\ncelery beat]"],
        ),
        ("a.md", "```\n(venv) user@host:~/shop$ celery \\\n>   worker\noutput\n```\n", ["[: celery \\\nworker]"]),
        ("a.md", "~~~~ {.sh .copy}\n```\ncelery worker\n~~~~\n", ["[: ```\ncelery worker]"]),
        ("a.md", "```python\ncelery worker\n```\n```\n>>> celery\n```\n", []),
        ("a.md", "```bash\ncelery worker", ["[: celery worker]"]),
        ("a.md", "Text\n\n    celery worker\n\n    celery beat\n\nText\n    no code\n", ["[: celery worker\n\ncelery beat]"]),
        ("a.md", "- item\n\n    its text says celery worker\n\n        celery -A shop worker\n", ["[: celery -A shop worker]"]),
        ("a.md", "!!! note\n\n    its text says celery worker\n", []),
        ("a.md", ": a definition\nof two lines\n\n    its text says celery worker\n", []),
        # inline code
        (
            "a.md",
            "Configure:\n\n- `uv run celery -A shop worker` (or so)\n- see `celery -A shop worker -c 1`\n- `celery worker` is it\n",
            ["[: uv run celery -A shop worker]"],
        ),
        (
            "a.md",
            "12. Start\n\n    !!! warning\n\n        Change the path:\n        `ExecStart=/opt/bin/celery -A shop worker`\n",
            ["[: /opt/bin/celery -A shop worker]"],
        ),
        # pieces of units
        ("a.md", "```ini\n[Unit]\nDescription=ExecStart\n[Service]\nExecStart=celery worker\n```\n", ["[: celery worker]"]),
        ("a.md", "```ini\n[program:x]\ncommand=celery worker\n```\n", []),
        (
            "a.rst",
            "Add it:\n\n.. code-block:: shell\n    :caption: x\n\n    cat > /etc/w.service <<'EOF'\n    [Service]\n    ExecStart=/opt/bin/shop celery worker -B\n    EOF\n\nText\n",
            ["[: /opt/bin/shop celery worker -B]"],
        ),
        (
            "a.rst",
            "Run this::\n\n    $ celery worker\n\n    $ celery beat\n\nText ``celery -A shop worker`` here\n",
            ["[: celery worker\ncelery beat]"],
        ),
        ("a.rst", ".. note::\n\n    its text says celery worker\n\n.. code-block:: python\n\n    celery worker\n", []),
        ("a.rst", "Title\n~~~~~\n\ncelery worker\n\n~~~~~\n", []),
        ("a.txt", "Run:\n\n    celery worker\n", ["[: celery worker]"]),
        ("deploy/start.cmd", "celery worker\n", ["[: celery worker\n]"]),
    ],
)
def test_documentation(file: str, text: str, expected: list[str]) -> None:
    assert lines(file, text, "documentation") == expected


# ── Literals and words ───────────────────────────────────────────────────────────────────────────────────────────────


def plain(value: Value) -> object:
    if isinstance(value, Quoted):
        return value.value
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def test_json_strings() -> None:
    text = '{"a": ["\\u00e9\\ud83d\\ude00\\n", "x", -1.5e3, true, null], "b": "\\ud800"}'
    assert plain(read_json(Source("a.json", text).whole)) == {"a": ["é\U0001f600\n", "x", -1500.0, True, None], "b": "\ufffd"}


TOML = '''
a = "x" # "c"
'b c'."d" = 'y\\'
[[t]]
e = """
one \\
   two"""""
[t.sub]
f = [["1"], [ "2", # "3"
 """4""", ], {g.h = "5", i = '6'}]
[[t]]
e = \'\'\'
7''\'\'\'
n = 1979-05-27 07:32:00
[t.sub]
f = "\\u00e9\\t\\U0001F600"
'''


def test_toml_strings() -> None:
    document = read_toml(Source("a.toml", TOML))
    expected = tomllib.loads(TOML)
    expected["t"][1]["n"] = None  # dates are not kept
    assert plain(document) == expected  # type: ignore[arg-type]


_TOML_TEXT = st.text("ab'\"\\\n#]}=,.é \t", max_size=6)


@given(
    st.recursive(
        _TOML_TEXT | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TOML_TEXT, inner, max_size=3), max_leaves=8
    )
)
def test_strings_of_toml_are_found_where_they_stand(value: object) -> None:
    text = f"x = {_toml(value)}\n"
    document = read_toml(Source("a.toml", text))
    assert plain(document["x"]) == value


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[ # ]\n" + ",\n".join(_toml(each) for each in value) + "]"
    if isinstance(value, int):
        return str(value)
    assert isinstance(value, str)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f"'{value}'" if not set(value) & set("'\n") else f'"{escaped}"'


def test_split() -> None:
    text = """a 'b c' "d\\"e" f\\ g h'i'"j" '' {{ x y }}-z k'"""
    words = split(Source("x", text).whole)
    assert [word.text for word in words] == ["a", "b c", 'd"e', "f g", "hij", "", "{{ x y }}-z", "k'"]
    assert [at(text, word.span) for word in words] == ["a", "'b c'", '"d\\"e"', "f\\ g", "h'i'\"j\"", "''", "{{ x y }}-z", "k'"]
    assert [word.text for word in words if not word.known] == ["{{ x y }}-z"]


# ── Any text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

PIECES = (
    "\n|\n|\n|\t| |    |\\|\\\n|'|\"|`|```|```bash\n|$|$$|${A}|$(A)|%|%%|%(ENV_A)s|{{ a }}|{{|{%|}}|{|}|[|]|[[|,|:|::|;|#|//|/*|=|:=|+=|-|> |$ |<<EOF\n|EOF\n"
    '|celery worker|A=1|"a": |"b"|FROM a AS b\n|FROM redis\n|CMD |CMD ["|ENTRYPOINT ["a"]\n|ENV |ARG A\n|RUN |# escape=`\n|#!/bin/sh\n|worker:|w: a ; b\n'
    "|ifdef A\n|endif\n|define a\n|endef\n|export |[tool.poe.tasks]\n|[tool.pdm.scripts]\n|a = |a.cmd = |{args}|[Service]\n|ExecStart=|ExecStart=@|Environment="
    '|EnvironmentFile=-/etc/a\n|[program:a]\n|[uwsgi]\n|[watcher:a]\n|command=|environment=|cmd = |args = |attach-daemon = |smart-attach-daemon = |port 1\n|save ""\n'
    '|sentinel monitor\n|.. code-block:: bash\n|.. note::\n|!!! a\n|- |1. |{"scripts": {"a": "celery"}}|{"tasks": [|"command": "a",|"args": ["b"]|é'
)


@pytest.mark.parametrize("module", MODULES)
@given(
    text=st.lists(st.sampled_from(PIECES.split("|")), max_size=40).map("".join)
    | st.text(max_size=60).map(lambda text: text.replace("\r", "\n"))
)
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_or_broken(module: str, text: str) -> None:
    for file in ("a/" + {"documentation": "a.md", "shell_script": "a.sh"}.get(module, module), "a/a.rst"):
        source = Source(file, text)
        try:
            found = list(
                import_module(f"lint_rules.deploy.formats.{module}").starts(source, Files(**{file: text, "a/a": "B=1\n", "a/.env": "C=2"}))
            )
        except Broken as error:
            broken = error
            found = []
        else:
            broken = None
        assert broken is None or (broken.reason and 1 <= broken.row <= text.count("\n") + 1)
        for start in found:
            if isinstance(start, Start):
                check_places(text, start)


def check_places(text: str, start: Start) -> None:
    """What is said to stand in the file does so."""
    assert (start.shell is not None) != bool(start.words)
    if start.shell is not None:
        for character, offset in zip(start.shell.value, start.shell.offsets):
            assert offset == NOWHERE or text[offset] == character
    for word in start.words:
        assert word.span is None or at(text, word.span)
