"""Which workers, beats and Redis servers does a command line start? Through wrappers, shells and the project's own scripts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence, Set

from lint_rules.deploy.celery_command import invocations, is_celery, within
from lint_rules.deploy.formats import Neighbours
from lint_rules.deploy.model import BeatCommand, Command, RedisServer, Start, WorkerCommand
from lint_rules.deploy.redis_command import is_redis, server
from lint_rules.deploy.shell.running import Started, read_shell
from lint_rules.deploy.text import NOWHERE, Source, Text
from lint_rules.deploy.wrappers import Step, program, step
from lint_rules.deploy.written import Written, shell_line, written
from lint_rules.facts.model import Span

DEEPEST = 20
"""Wrappers, shells and scripts within each other."""

MOST_SCRIPTS = 50
"""Calls of scripts that one start is followed through."""

RUNS_NOTHING = frozenset(
    {
        *("airflow", "alias", "apk", "apt", "apt-get", "cat", "circusctl", "cp", "curl", "dnf", "docker", "echo", "error", "git", "grep"),
        *("helm", "info", "journalctl", "kill", "killall", "log", "ls", "mkdir", "msg", "pgrep", "pip", "pip3", "pkill", "podman", "print"),
        *("printf", "ps", "rc-service", "rm", "say", "service", "supervisorctl", "systemctl", "tail", "trap", "unset", "warn", "warning"),
        *("which", "whereis", "yum", "a", "an", "the", "this", "your", "run", "running", "start", "starting", "stop", "restart"),
    }
)
"""Programs whose words `celery` and `worker` are names or text, and words that begin prose. (`airflow celery worker` runs Airflow's own
worker, which has other options.)"""

_PROGRAM = re.compile(r"\w[\w.+-]*")

_HANDS_ON = re.compile(r".*(?:\.(?:ba|z|a)?sh|entry-?point.*|wait-for.*|run-with.*)")
"""Names of scripts that run the command they are given: Celery's program itself starts then, not one of the project."""

_SHELL_SUFFIX = re.compile(r".*\.(?:ba|da|z|a|k)?sh")


def commands_of(start: Start, source: Source, scripts: Neighbours) -> Iterator[WorkerCommand | BeatCommand | RedisServer]:
    """All that the start starts. What stands in a script that it calls has its place there, and says which start calls it."""
    reading = _Reading(start, source, scripts)
    if start.shell is not None:
        yield from reading.of_shell(start.shell, start.environment, frozenset(), None, 0)
    elif start.words:
        yield from reading.of_words(Started(written(start.words, source), start.environment, frozenset()), 0)


class _Reading:
    def __init__(self, start: Start, source: Source, scripts: Neighbours) -> None:
        self._start = start
        self._source = source
        self._scripts = scripts
        self._open: list[str] = []
        """The scripts that are being followed, the outermost first."""
        self._followed = 0
        self._called_at = 1
        """The row of the start that calls the outermost script."""
        self._span = _span_of(start, source)

    def of_shell(
        self, text: Text, environment: Mapping[str, str], hidden: frozenset[str], arguments: Sequence[Written] | None, depth: int
    ) -> Iterator[Command]:
        """What shell text starts."""
        for started in read_shell(text, environment, hidden, arguments):
            yield from self.of_words(started, depth + 1)

    def of_words(self, started: Started, depth: int) -> Iterator[Command]:
        """What a command starts."""
        words = started.words
        if depth > DEEPEST or not words:
            return
        if is_celery(words):
            yield from self._celery(started, words, 0, "command")
            return
        if is_redis(words):
            yield from self._redis(words)
            return
        found = step(words)
        if found is not None:
            yield from self._of_step(found, started, depth + 1)
            return
        script = self._script(words[0])
        if script is not None:
            yield from self._of_script(script, started, depth + 1)
            return
        name = program(words[0])
        place = within(words)
        if place is None or name in RUNS_NOTHING:
            return
        if not words[0].known or _HANDS_ON.fullmatch(name):
            yield from self._celery(started, words, place, "command")
        elif _PROGRAM.fullmatch(name) and _only_options(words[1:place]):
            yield from self._celery(started, words, place, "wrapper")

    def _of_step(self, found: Step, started: Started, depth: int) -> Iterator[Command]:
        """What a wrapper runs."""
        known = {name: text for name, text in found.environment.items() if text is not None}
        environment: Mapping[str, str] = known
        hidden: Set[str] = found.environment.keys() - known.keys()
        if not found.clears:
            environment = {name: text for name, text in started.environment.items() if name not in hidden} | known
            hidden = (started.hidden | hidden) - known.keys()
        for text in found.texts:
            yield from self.of_shell(text, environment, frozenset(hidden), found.arguments, depth)
        yield from self.of_words(Started(found.words, environment, frozenset(hidden)), depth)

    # ── Scripts ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _script(self, word: Written) -> Source | None:
        """The project's shell script that a program is."""
        if not word.said or self._followed >= MOST_SCRIPTS:
            return None
        found = self._scripts.script(word.said, self._start.file)
        if found is None or found.file in (*self._open, self._start.file):
            return None
        first = found.text.partition("\n")[0]
        if first.startswith("#!"):
            return found if "sh" in first and "python" not in first else None
        return found if _SHELL_SUFFIX.fullmatch(posixpath.basename(found.file)) else None

    def _of_script(self, script: Source, started: Started, depth: int) -> Iterator[Command]:
        self._followed += 1
        if not self._open:
            self._called_at = self._place(started.words)[1].row
        self._open.append(script.file)
        yield from self.of_shell(script.whole, started.environment, started.hidden, started.words[1:], depth)
        self._open.pop()

    # ── Commands with their places ───────────────────────────────────────────────────────────────────────────────────

    def _celery(self, started: Started, words: Sequence[Written], place: int, form: str) -> Iterator[WorkerCommand | BeatCommand]:
        """What the command starts whose word at `place` is `celery`; of a project's own program all words are shown."""
        shown = words if form == "wrapper" else words[place:]
        source, span = self._place(shown)
        shown = [word.seen_from(source) for word in shown]
        line = shell_line(shown)
        said = tuple(word.word for word in shown)
        called_from = ((self._start.file, self._called_at),) if source.file != self._start.file else ()
        for found in invocations(shown[place if form == "wrapper" else 0 :], started.environment, started.hidden):
            if found.kind == "beat":
                yield BeatCommand(source.file, span, line, found.app, said, started.environment, self._start.service)
                continue
            yield WorkerCommand(
                source.file,
                span,
                line,
                found.app,
                found.options,
                form,
                said,
                started.environment,
                self._start.service,
                self._start.optional,
                called_from,
                found.node,
                found.open,
            )

    def _redis(self, words: Sequence[Written]) -> Iterator[RedisServer]:
        source, span = self._place(words)
        found = server([word.seen_from(source) for word in words])
        if found is not None:
            yield RedisServer(
                source.file,
                span,
                found.form,
                found.directives,
                self._start.service,
                conf=self._conf(found.conf, source.file) if found.conf is not None else None,
                span_of_command=span,
                optional=self._start.optional,
            )

    def _place(self, words: Sequence[Written]) -> tuple[Source, Span]:
        """File and span of the words that were written together with the first."""
        source = words[0].place.source
        known = [offset for word in words if word.home is words[0].home for offset in word.place.offsets if offset != NOWHERE]
        return (source, source.span(min(known), max(known) + 1)) if known else (self._source, self._span)

    def _conf(self, word: Written, file: str) -> str | None:
        """The configuration file as a file of the project, else as it is named."""
        if not word.known:
            return None
        found = self._scripts.beside(file, word.value)
        return found.file if found is not None else word.value


def _only_options(words: Sequence[Written]) -> bool:
    """Whether the words are options and their values, as a program has before its subcommand."""
    return all(word.value.startswith("-") or (place and words[place - 1].value.startswith("-")) for place, word in enumerate(words))


def _span_of(start: Start, source: Source) -> Span:
    """Where the start stands; the beginning of the file where that is unknown."""
    if start.shell is not None:
        return start.shell.span or source.span(0, 0)
    spans = [word.span for word in start.words if word.span is not None]
    return Span(spans[0].row, spans[0].column, spans[-1].end_row, spans[-1].end_column) if spans else source.span(0, 0)
