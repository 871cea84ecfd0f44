"""Which program does a command run in the end? `exec`, `env`, `sudo`, `uv run`, `docker compose run` and their like stand before it.

`WRAPPERS` says for each such program how it writes its own words; a program that is not in it runs no other one as far as known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Union

from msgspec import Struct, field

from lint_rules.deploy.text import Text
from lint_rules.deploy.written import Written


class Wrapper(Struct, frozen=True):
    """How a program that runs another one writes its own words, up to that program. Lists of words are written with spaces."""

    valued: str = ""
    """Options whose value is the next word; other options are one word."""
    subcommands: str = ""
    """One of these comes first, else nothing is run."""
    operands: int = 0
    """Words of its own after the options."""
    operand_options: str = ""
    """Options that stand for the operand."""
    separated: bool = False
    """Whether the program stands after `--` only."""
    assigns: bool = False
    """Whether it takes NAME=value for the environment."""
    module: str = ""
    """The option whose value is a Python module to run."""
    text: str = ""
    """Options whose value is shell text to run."""
    quoted: bool = False
    """Whether a first word with white space is shell text."""
    each: bool = False
    """Whether every word is shell text of its own."""
    named: bool = False
    """Whether the program may have the name of an environment before it: `prod:celery`."""


class Step(Struct, frozen=True):
    """What a wrapper runs: words, or shell text with its positional parameters."""

    words: tuple[Written, ...] = ()
    texts: tuple[Text, ...] = ()
    arguments: tuple[Written, ...] = ()
    environment: dict[str, Union[str, None]] = field(default_factory=dict)
    """What it sets in addition; None where the value is only known at run time."""
    clears: bool = False
    """Whether nothing else of the environment is handed on."""


_PLAIN = Wrapper()
_USER = Wrapper(operands=1)
_RUN = Wrapper(subcommands="run")
_COMPOSE = Wrapper(
    valued=(
        "-f --file -p --project-name --project-directory --profile --env-file --ansi --progress --parallel -e "
        "--env -v --volume -u --user -w --workdir --name --publish --entrypoint -l --label --index"
    ),
    subcommands="run exec",
    operands=1,
)
_CONTAINER = Wrapper(
    valued=(
        "-e --env --env-file -v --volume -u --user -w --workdir --name -p --publish --entrypoint -l --label "
        "--network --net -m --memory --cpus -h --hostname --mount --link --restart --volumes-from "
        "--log-driver --log-opt --platform --add-host --ulimit --shm-size --gpus --cap-add --tmpfs --health-cmd"
    ),
    operands=1,
)
_WAIT = Wrapper(separated=True)

WRAPPERS: dict[str, Wrapper] = {
    # the shell and the system
    "exec": Wrapper(valued="-a"),
    "command": _PLAIN,
    "builtin": _PLAIN,
    "env": Wrapper(valued="-u --unset -C --chdir", assigns=True, text="-S --split-string"),
    "nice": Wrapper(valued="-n --adjustment"),
    "ionice": Wrapper(valued="-c --class -n --classdata"),
    "chrt": Wrapper(operands=1),
    "taskset": Wrapper(operands=1),
    "numactl": Wrapper(valued="-N -m -C -i"),
    "prlimit": _PLAIN,
    "nohup": _PLAIN,
    "setsid": _PLAIN,
    "stdbuf": Wrapper(valued="-i -o -e --input --output --error"),
    "unbuffer": _PLAIN,
    "time": Wrapper(valued="-f --format -o --output"),
    "timeout": Wrapper(valued="-s --signal -k --kill-after", operands=1),
    "flock": Wrapper(valued="-w --wait --timeout -E --conflict-exit-code", operands=1, text="-c --command"),
    "chroot": Wrapper(operands=1),
    "setpriv": Wrapper(valued="--reuid --regid --groups --inh-caps --bounding-set --ambient-caps"),
    "sudo": Wrapper(valued="-u --user -g --group -h --host -p --prompt -C -D --chdir -R -T -r -t", assigns=True),
    "doas": Wrapper(valued="-u -C"),
    "su": Wrapper(valued="-s --shell -g --group -G -w", operands=1, text="-c --command --session-command"),
    "runuser": Wrapper(
        valued="-u --user -s --shell -g --group -G -w",
        operands=1,
        operand_options="-u --user",
        text="-c --command --session-command",
    ),
    "gosu": _USER,
    "su-exec": _USER,
    "setuser": _USER,
    "s6-setuidgid": _USER,
    "s6-envuidgid": _USER,
    "s6-applyuidgid": Wrapper(valued="-u -g -G"),
    "setuidgid": _USER,
    "chpst": Wrapper(valued="-u -U -b -e -/ -C -n -l -L -m -d -o -p -f -c -r -t"),
    "systemd-run": Wrapper(valued="-u --unit -p --property --slice -E --setenv --uid --gid -M -H"),
    "xvfb-run": Wrapper(valued="-n --server-num -s --server-args -e --error-file -f --auth-file -p -w"),
    # the first process of a container
    "dumb-init": Wrapper(valued="-r --rewrite"),
    "tini": Wrapper(valued="-p -e"),
    "tini-static": Wrapper(valued="-p -e"),
    "docker-init": Wrapper(valued="-p -e"),
    "catatonit": _PLAIN,
    "init": _PLAIN,
    "with-contenv": _PLAIN,
    "busybox": _PLAIN,
    # Python and its environments
    "coverage": Wrapper(valued="--source --rcfile --data-file --omit --include --concurrency --context", subcommands="run", module="-m"),
    "uv": Wrapper(
        valued=(
            "--directory --project --with --with-editable --with-requirements --extra --group --only-group "
            "--env-file -p --python --package --no-group --no-extra --index --index-url --config-file --cache-dir"
        ),
        subcommands="run",
        module="-m",
    ),
    "uvx": Wrapper(valued="--from --with -p --python"),
    "pipx": _RUN,
    "poetry": Wrapper(valued="-C --directory -P --project", subcommands="run"),
    "pipenv": _RUN,
    "pdm": Wrapper(valued="-p --project -c --config", subcommands="run"),
    "hatch": Wrapper(valued="-e --env -p --project", subcommands="run", named=True),
    "rye": _RUN,
    "pixi": Wrapper(valued="-e --environment --manifest-path", subcommands="run"),
    "conda": Wrapper(valued="-n --name -p --prefix --cwd", subcommands="run"),
    "mamba": Wrapper(valued="-n --name -p --prefix --cwd", subcommands="run"),
    "micromamba": Wrapper(valued="-n --name -p --prefix --cwd -a --attach", subcommands="run"),
    "mise": Wrapper(subcommands="exec x", separated=True),
    "nix-shell": Wrapper(valued="-p -A -I", text="--run --command"),
    # what watches, measures and restarts
    "newrelic-admin": Wrapper(subcommands="run-program"),
    "ddtrace-run": _PLAIN,
    "opentelemetry-instrument": Wrapper(
        valued=(
            "--traces_exporter --metrics_exporter --logs_exporter --service_name --exporter_otlp_endpoint "
            "--propagators --resource_attributes --env"
        )
    ),
    "elasticapm-run": _PLAIN,
    "py-spy": Wrapper(subcommands="record top", separated=True),
    "memray": Wrapper(valued="-o --output", subcommands="run", module="-m"),
    "watchmedo": Wrapper(
        valued="-d --directory -p --pattern --patterns -i --ignore-patterns --signal --kill-after --interval",
        subcommands="auto-restart auto_restart",
    ),
    "watchfiles": Wrapper(
        valued="--filter --target-type --args --ignore-paths --sigint-timeout --grace-period --sigkill-timeout", quoted=True
    ),
    "watchexec": Wrapper(valued="-w --watch -e --exts -i --ignore -f --filter -s --signal", quoted=True),
    "nodemon": Wrapper(valued="-e --ext -w --watch -i --ignore --signal --delay", text="-x --exec"),
    "entr": _PLAIN,
    "concurrently": Wrapper(valued="-n --names -c --prefix-colors -p --prefix", each=True),
    # what waits for others
    "wait-for-it": _WAIT,
    "wait-for": _WAIT,
    "wait-for-it.sh": _WAIT,
    "wait-for.sh": _WAIT,
    "wait-for-command": _WAIT,
    "dockerize": Wrapper(
        valued=(
            "-wait -timeout -template -stdout -stderr -delims -wait-http-header -wait-retry-interval -env --wait "
            "--timeout --template --stdout --stderr"
        )
    ),
    # process managers and platforms
    "honcho": Wrapper(valued="-e --env -f --procfile -d --app-root", subcommands="run"),
    "foreman": Wrapper(valued="-e --env -f --procfile -d --root", subcommands="run"),
    "forego": Wrapper(valued="-e -f", subcommands="run"),
    "heroku": Wrapper(valued="-a --app -s --size -r --remote -e --env", subcommands="run run:detached", quoted=True),
    "docker compose": _COMPOSE,
    "podman compose": _COMPOSE,
    "docker-compose": _COMPOSE,
    "podman-compose": _COMPOSE,
    "docker run": _CONTAINER,
    "docker exec": _CONTAINER,
    "podman run": _CONTAINER,
    "podman exec": _CONTAINER,
    "kubectl": Wrapper(valued="-n --namespace --context -c --container", subcommands="exec run", separated=True),
    "oc": Wrapper(valued="-n --namespace --context -c --container", subcommands="exec run", separated=True),
    # what gives secrets and variables
    "aws-vault": Wrapper(subcommands="exec", separated=True),
    "chamber": Wrapper(subcommands="exec", separated=True),
    "doppler": Wrapper(valued="-p --project -c --config -t --token", subcommands="run", text="--command", separated=True),
    "infisical": Wrapper(valued="--env --path --projectId --token", subcommands="run", text="--command", separated=True),
    "op": Wrapper(subcommands="run", separated=True),
    "sops": Wrapper(subcommands="exec-env", operands=1, quoted=True),
    "dotenv": Wrapper(valued="-f --file -e -q --quote", subcommands="run"),
    "direnv": Wrapper(subcommands="exec", operands=1),
    "envdir": _USER,
    "envconsul": Wrapper(valued="-config -prefix -secret -consul-addr -vault-addr"),
    "envkey-source": _WAIT,
}

_SHELL = re.compile(r"(?:ba|da|z|a|k)?sh")
_SHELL_VALUED = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_PYTHON_VALUED = frozenset({"-X", "-W", "--check-hash-based-pycs"})
_PYTHON_MODULE = re.compile(r"-[bBdEiIOPqsSuvx]*m(.*)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_CELERY_VARIABLE = re.compile(r"\$\{?CELERY(?:_BIN|_CMD|_COMMAND|_EXE|_PATH)?\}?", re.IGNORECASE)
_RUN_TIME = re.compile(r"[$`{}()]")


def program(word: Written) -> str:
    """The name of a program without its directory; "" where it is unknown. An unknown `$CELERY_BIN` can only be `celery`."""
    name = word.value.rpartition("/")[2]
    if not word.known and _CELERY_VARIABLE.fullmatch(word.value):
        return "celery"
    if not word.known and ("/" not in word.value or _RUN_TIME.search(name)):
        return ""
    return name.removesuffix(".exe")


def step(words: Sequence[Written]) -> Step | None:
    """What the wrapper that the words begin with runs (an empty step where it runs nothing); None where it is no wrapper."""
    name = program(words[0])
    if _SHELL.fullmatch(name):
        return _of_shell(words)
    if _PYTHON.fullmatch(name):
        return _of_python(words)
    if name == "start-stop-daemon":
        return _of_daemon(words)
    if name == "watchgod":
        return _of_watchgod(words)
    longer = f"{name} {words[1].said}" if len(words) > 1 else ""
    if longer in WRAPPERS:
        return _of_wrapper(WRAPPERS[longer], words[2:])
    return _of_wrapper(WRAPPERS[name], words[1:]) if name in WRAPPERS else None


def _of_shell(words: Sequence[Written]) -> Step:
    place = 1
    text = False
    while place < len(words) and words[place].said[:1] in ("-", "+") and words[place].said:
        option = words[place].said
        text = text or (option[0] == "-" and option[1:2] != "-" and "c" in option)
        place += 2 if option in _SHELL_VALUED else 1
        if option in ("--", "-"):
            break
    if text:
        return Step(texts=tuple(word.text for word in words[place : place + 1]), arguments=tuple(words[place + 2 :]))
    return Step(words=tuple(words[place:]))


def _of_python(words: Sequence[Written]) -> Step:
    place = 1
    while place < len(words) and words[place].said.startswith("-"):
        option = words[place].said
        module = _PYTHON_MODULE.fullmatch(option)
        if module is not None:
            glued = (words[place].after(module.start(1)),) if module[1] else ()
            return Step(words=(*glued, *words[place + 1 :]))
        if option.startswith("-c"):
            return Step()
        place += 2 if option in _PYTHON_VALUED else 1
    return Step(words=tuple(words[place:]))


def _of_daemon(words: Sequence[Written]) -> Step:
    """`start-stop-daemon --start --exec program -- arguments`."""
    found: dict[str, Written] = {}
    place = 1
    while place < len(words) and words[place].said != "--":
        option, equals, _ = words[place].said.partition("=")
        if option in ("-x", "--exec", "-a", "--startas"):
            found[option] = words[place].after(len(option) + 1) if equals else words[min(place + 1, len(words) - 1)]
        place += 1
    run = [found[option] for option in ("-a", "--startas", "-x", "--exec") if option in found]
    return Step(words=(*run[:1], *words[place + 1 :]))


def _of_watchgod(words: Sequence[Written]) -> Step:
    """`watchgod celery.__main__.main --args arguments`."""
    said = [word.said for word in words]
    if len(words) < 2 or "--args" not in said:
        return Step()
    return Step(words=(words[1].after(0, len(said[1].partition(".")[0])), *words[said.index("--args") + 1 :]))


def _of_wrapper(wrapper: Wrapper, words: Sequence[Written]) -> Step:
    environment: dict[str, str | None] = {}
    clears = False
    wants = bool(wrapper.subcommands)
    operands = wrapper.operands
    place = 0
    while place < len(words):
        word = words[place]
        option, equals, _ = word.said.partition("=")
        if word.said == "--":
            place += 1
            break
        if word.said.startswith("-"):
            if option in wrapper.text.split():
                value = word.after(len(option) + 1) if equals else words[place + 1] if place + 1 < len(words) else None
                return Step(texts=(value.text,) if value is not None else (), environment=environment)
            if option == wrapper.module:
                return Step(words=tuple(words[place + 1 :]), environment=environment)
            operands -= option in wrapper.operand_options.split()
            clears = clears or (wrapper.assigns and option in ("-i", "-", "--ignore-environment"))
            place += 2 if not equals and option in wrapper.valued.split() else 1
            continue
        if wants:
            if word.said not in wrapper.subcommands.split():
                return Step()
            wants = False
        elif wrapper.assigns and _ASSIGNMENT.match(word.value):
            name, _, value_text = word.value.partition("=")
            environment[name] = value_text if word.known else None
        elif operands > 0 and not wrapper.separated:
            operands -= 1
        elif not wrapper.separated:
            break
        place += 1
    return _run(wrapper, tuple(words[place:]) if not wants else (), environment, clears)


def _run(wrapper: Wrapper, words: tuple[Written, ...], environment: dict[str, str | None], clears: bool) -> Step:
    if words and wrapper.each:
        return Step(texts=tuple(word.text for word in words))
    if words and wrapper.quoted and " " in words[0].value:
        return Step(texts=(words[0].text,))
    if words and wrapper.named and ":" in words[0].said:
        words = (words[0].after(words[0].said.index(":") + 1), *words[1:])
    return Step(words=words, environment=environment, clears=clears)
