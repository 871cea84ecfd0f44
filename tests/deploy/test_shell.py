"""What shell text starts: words, variables, branches, loops and functions; and that no text whatever makes the reader fail or hang."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lint_rules.deploy.model import Word
from lint_rules.deploy.shell.running import Started, read_shell
from lint_rules.deploy.text import Source
from lint_rules.deploy.written import Written, written


def started(text: str, environment: dict[str, str] | None = None, arguments: list[str] | None = None) -> list[Started]:
    source = Source("run.sh", text)
    given_words = written([Word(each, None) for each in arguments], source) if arguments is not None else None
    found = read_shell(source.whole, environment or {}, frozenset(), given_words)
    for each in found:
        for word in each.words:
            assert_stands(word, source)
    return found


def assert_stands(word: Written, source: Source) -> None:
    """Its span holds its raw form, and each character with a place stands there."""
    span = word.span
    if span is not None and word.raw.stands:
        assert source.text[source.offset(span.row, span.column) : source.offset(span.end_row, span.end_column)] == word.raw.value
    for character, offset in zip(word.text.value, word.text.offsets):
        assert offset < 0 or source.text[offset] == character


def shown(found: list[Started]) -> list[str]:
    """Each command as a line: unknown words in angle brackets, those that may be several or none with a star."""
    return [" ".join(_shown(word) for word in each.words) for each in found]


def _shown(word: Written) -> str:
    text = f"'{word.value}'" if not word.value or " " in word.value else word.value
    return text if word.known else f"<{text}{'*' if word.many else ''}>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # words
        ("celery -A proj worker", ["celery -A proj worker"]),
        ("a 'b c' \"d e\" f\\ g", ["a 'b c' 'd e' 'f g'"]),
        ("a b'c'\"d\"e ''", ["a bcde ''"]),
        ("a $'x\\ty\\n' $'it\\'s' $'\\x41\\101'", ["a x\ty\n it's AA"]),
        ('a "x\\"y" "\\$x" "\\a"', ['a x"y $x \\a']),
        ("a \\\n  b \\\n  c", ["a b c"]),
        ("a b\\\nc", ["a bc"]),
        ("a b # c d", ["a b"]),
        ("a b#c", ["a b#c"]),
        ("# only a comment\n", []),
        ("", []),
        ("a $ b", ["a $ b"]),
        ("a ~/x *.py", ["a ~/x *.py"]),
        # between commands
        ("a; b & c\nd", ["a", "b", "c", "d"]),
        ("a && b || c", ["a", "b", "c"]),
        ("a |\n b |& c", ["a", "b", "c"]),
        ("a &&\n# why\n b", ["a", "b"]),
        ("(a; b) ; { c; }", ["a", "b", "c"]),
        ("! a; time -p b; time c", ["a", "b", "c"]),
        # redirections
        ("a >x 2>&1 b </dev/null &>y >>z", ["a b"]),
        ("a 2>x 3", ["a 3"]),
        ("a -c 2 >x", ["a -c 2"]),
        ("a < <(b c) d", ["a d"]),
        ("a <<< 'x y' b", ["a b"]),
        ("{ a; } > x 2>&1; b", ["a", "b"]),
        # here-documents are no commands
        ("cat <<EOF\ncelery worker it's\nEOF\na", ["cat", "a"]),
        ("cat <<'E F'\nb\nE F\na", ["cat", "a"]),
        ("cat <<-EOF > x\n\tb\n\tEOF\na", ["cat", "a"]),
        ("cat <<A <<B\nx\nA\ny\nB\na", ["cat", "a"]),
        ("cat <<EOF\nnever ends", ["cat"]),
        # compound commands
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ("case $x in\n a|b) c;;\n (d) e ;;& *) f\nesac; g", ["c", "e", "f", "g"]),
        ("case $x in a) b;; esac", ["b"]),
        ("select x in a b; do c; done", ["c", "c"]),
        ("for ((i=0; i<3; i++)); do a $i; done", ["a <$i*>"]),
        ("(( x = 1 )); a", ["a"]),
        ("[[ $x == y && -n $z ]] && a", ["a"]),
        ("if true; then a; else b; fi", ["a"]),
        ("if false; then a; else b; fi", ["b"]),
        # broken text gives what stands before
        ("a; b 'c", ["a"]),
        ('a\nif b; then c; d "e', ["a", "b", "c"]),
        ("a; b $(c", ["a"]),
        ("a; b ${c", ["a"]),
        ("a; b `c", ["a"]),
        ("a ); b; fi; c }; d; done", ["a", "b", "c }", "d"]),
        (";; & | && a", ["a"]),
        ("if a; then b", ["a", "b"]),
        ("case x in", []),
        ("f() {", []),
    ],
)
def test_commands(text: str, expected: list[str]) -> None:
    assert shown(started(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X=a; c $X ${X} x$X \"$X\" '$X'", ["c a a xa a $X"]),
        ('X="a  b"; c $X "$X"', ["c a b 'a  b'"]),
        ('CONCURRENCY="--concurrency 1"; c -Q q $CONCURRENCY -l info', ["c -Q q --concurrency 1 -l info"]),
        ("X=; c $X d \"$X\"", ["c d ''"]),
        ("c $X \"$X\" ${X} --x=$X x$X", ["c <$X*> <$X> <${X}*> <--x=$X> <x$X>"]),
        ("c ${X:-d} ${X-d} ${X:-a b} \"${X:-a b}\" ${X:-'a b'}", ["c d d a b 'a b' 'a b'"]),
        ("c ${X:-} ${X:+a} ${X:?no}", ["c <${X:-}*> <${X:+a}*> <${X:?no}*>"]),
        ("c ${X:=d}; c $X", ["c d", "c d"]),
        ("X=a; c ${X:-d} ${X:+e} ${X+e} ${X:?no}", ["c a e e a"]),
        ("X=; c ${X:-d} \"${X-d}\" ${X:+e} ${X+e}", ["c d '' e"]),
        ("X=$(date); c ${X:-d} ${X:+e} $X", ["c <${X:-d}*> <${X:+e}*> <$(date)*>"]),
        ("X=${Y:-d}; c $X", ["c d"]),
        ("Y=b; X=a-$Y; c $X", ["c a-b"]),
        ("X=a$(b)c; c $X", ["c <a$(b)c>"]),
        ("X=\"-l info -Q $Q\"; c $X", ["c -l info -Q <$Q>"]),
        ("X=a; X+=b; c $X", ["c ab"]),
        ("X=worker-a.py; c ${X#worker-} ${X%.py} ${X%x} ${X:0:3} ${X:7} ${X##*-} ${#X} ${X/a/b} ${!X}",
         ["c a.py worker-a worker-a.py wor a.py <${X##*-}*> <${#X}*> <${X/a/b}*> <${!X}*>"]),
        ("c $(nproc) `nproc` $((1 + 2)) \"$(a 'b)' \"c)\" # )\n)\"", ["c <$(nproc)*> <`nproc`*> <'$((1 + 2))'*> <'$(a 'b)' \"c)\" # )\n)'>"]),
        ("c {{ .Values.q }} --q={{queue}} \"{name}\" -n x:{uuid}@%h -c %(ENV_C)s {a,b} ${{ secrets.X }}",
         ["c <'{{ .Values.q }}'*> <--q={{queue}}> <{name}> -n <x:{uuid}@%h> -c <%(ENV_C)s*> <{a,b}*> <'${{ secrets.X }}'*>"]),
        ("c {} '{\"a\": 1}'", ["c {} '{\"a\": 1}'"]),
        ("export X=a Y; readonly Z=b; declare -x W=\"c d\"; c $X $Z $W \"$W\"", ["c a b c d 'c d'"]),
        ("read X; c $X", ["c <$X*>"]),
        ("X=a; unset X; c $X ${X:-d}", ["c d"]),
        ("X=a; . ./env; c $X ${Y:-d}", ["c <$X*> d"]),
        ("X=a; source venv/bin/activate; c $X", ["c a"]),
        ("printf -v X %s a; c $X", ["c <$X*>"]),
        ("X=a eval 'c $X'; eval c '$X' b", ["c <$X*>", "c <$X*> b"]),
        ("X=a; eval \"c $X\"", ["c a"]),
    ],
)  # fmt: skip
def test_variables(text: str, expected: list[str]) -> None:
    assert shown(started(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=(a 'b c' # no\n d); c \"${A[@]}\" ${A[1]} $A \"${A[*]}\"", ["c a 'b c' d b c a 'a b c d'"]),
        ("A=(a); A+=(b); A+=(\"$(x)\"); c \"${A[@]}\"", ["c a b <$(x)>"]),
        ("A=(); c \"${A[@]}\" ${A[@]+\"${A[@]}\"} ${A[@]:-x}", ["c x"]),
        ("A=(a 'b c'); c ${A[@]+\"${A[@]}\"} ${A[@]:1}", ["c a 'b c' b c"]),
        ("c \"${A[@]}\" \"$@\" $*", ["c <${A[@]}*> <$@*> <$**>"]),
        ("A=(a $B); c \"${A[@]}\"", ["c a <$B*>"]),
        ("A[2]=x; c $A", ["c <$A*>"]),
        ("set -- a 'b c'; c \"$@\" $1 \"$2\" $# $3 \"${3}\" ${3:-d} \"${@:2}\" \"$*\"", ["c a 'b c' a 'b c' 2 '' d 'b c' 'a b c'"]),
        ("set -- a \"$@\"; c \"$@\" $1 $2", ["c a <$@*> a <$2*>"]),
        ("set a b; shift; c $1; shift 5; c x$1", ["c b", "c x"]),
        ("set -euo pipefail; c \"$1\"", ["c <$1>"]),
        ("for x in a b; do c $x; done; d $x", ["c a", "c b", "d b"]),
        ("for x in $(ls); do c $x; done; d $x", ["c <$x*>", "d <$x*>"]),
        ("set -- a b; for x; do c $x; done", ["c a", "c b"]),
        ("for x; do c $x; done", ["c <$x*>"]),
        ("X='a b'; for x in $X; do c $x; done", ["c a", "c b"]),
        ("for x in a b c; do c $x; break; done; d", ["c a", "d"]),
        ("for x in a b; do for y in 1 2; do c $x$y; done; done", ["c a1", "c a2", "c b1", "c b2"]),
        ("for x in {1..3}; do c $x; done", ["c <$x*>"]),
        ("for x in 1 2 3 4 5; do for y in 1 2 3 4 5; do c $y; done; done", ["c <$y*>"] * 5),
        ("for x in " + " ".join("abcdefghijklmnopqrstuvwxy") + "; do c $x; done", ["c <$x*>"]),
        ("X=a; while d; do c $X; X=b; done; e $X", ["d", "c <$X*>", "e <$X*>"]),
        ("while getopts q: o; do case $o in q) Q=$OPTARG;; esac; done; c $Q $OPTARG", ["c <$Q*> <$OPTARG*>"]),
        ("Q=a; f() { Q=$1; }; while d; do f b; done; c $Q", ["d", "c <$Q*>"]),
    ],
)  # fmt: skip
def test_lists_and_loops(text: str, expected: list[str]) -> None:
    assert shown(started(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if d; then X=1; else X=2; fi; c $X", ["d", "c <$X*>"]),
        ("if d; then X=1; else X=1; fi; c $X", ["d", "c 1"]),
        ("X=1; if d; then X=1; fi; c $X", ["d", "c 1"]),
        ("if d; then X=1; fi; c $X ${X:-2}", ["d", "c <$X*> <${X:-2}*>"]),
        ("if [ \"$Q\" = email ]; then C='-c 1'; fi; c $C", ["c <$C*>"]),
        ("Q=email; if [ \"$Q\" = email ]; then C='-c 1'; fi; c $C", ["c -c 1"]),
        ("Q=email; if [ \"$Q\" != email ]; then C='-c 1'; else C='-c 2'; fi; c $C", ["c -c 2"]),
        ("Q=a; if [[ $Q == a* ]]; then c 1; elif [ -z \"$Q\" ]; then c 2; fi", ["c 1"]),
        ("Q=ab; if [[ $Q == \"a*\" ]]; then c 1; else c 2; fi", ["c 2"]),
        ("N=3; if [ $N -gt 2 ]; then c 1; fi; if [ $N -lt 2 ]; then c 2; fi; if ! test $N -eq 3; then c 3; fi", ["c 1"]),
        ("if [ -n \"$Q\" ]; then c 1; else c 2; fi", ["c 1", "c 2"]),
        ("[ -f x ] && X=1; c $X", ["c <$X*>"]),
        ("cd /app && X=1 && c $X; d $X", ["cd /app", "c 1", "d <$X*>"]),
        ("X=1 && c $X || d", ["c 1", "d"]),
        ("true || c; false && d; true && e; false || f", ["e", "f"]),
        ("X=1 || c; Y=$(d) || e", ["e"]),
        ("case $Q in a) X=1;; b) X=2;; esac; c $X", ["c <$X*>"]),
        ("case $Q in a) X=1;; *) X=1;; esac; c $X", ["c 1"]),
        ("Q=b; case $Q in a) X=1;; b|c) X=2;; *) X=3;; esac; c $X", ["c 2"]),
        ("Q=-x; case \"$Q\" in -*) c 1;; *) c 2;; esac", ["c 1"]),
        ("(X=1); c $X; X=2 | d; c $X; X=3 & c $X", ["c <$X*>", "d", "c <$X*>", "c <$X*>"]),
        ("{ X=1; }; c $X", ["c 1"]),
        ("a; exit 1; b", ["a"]),
        ("exec a; b", ["exec a"]),
        ("exec >log; b", ["exec", "b"]),
        ("exec a & b", ["exec a", "b"]),
        ("if d; then X=1; exit; fi; c ${X:-2}", ["d", "c 2"]),
        ("d || exit 1; c", ["d", "c"]),
        ("if d; then exec a; else exec b; fi; c", ["d", "exec a", "exec b"]),
        ("(exit 1); c", ["c"]),
        ("f() { c $1 ${2:-d} \"$@\"; }; f a; f b e", ["c a d a", "c b e b e"]),
        ("f() { c $1; }; d", ["d", "c <$1*>"]),
        ("function f { c $Q; }\nQ=a\nf", ["c a"]),
        ("f() { X=$1; return; c; }; f a; d $X", ["d a"]),
        ("f() { if a; then return 0; else return 1; fi; }; f; c", ["a", "c"]),
        ("g() { c $1; }; f() { g \"$@\"; }; f a", ["c a"]),
        ("g() { c $1; }; f() { g a; }", ["c a"]),
        ("f() ( X=1 ); f; c $X", ["c <$X*>"]),
        ("f() { echo \"$@\"; }; f celery worker", []),
    ],
)  # fmt: skip
def test_branches_and_functions(text: str, expected: list[str]) -> None:
    assert shown(started(text)) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["worker"], ["exec celery worker"]),
        (["beat", "-l", "info"], ["exec celery beat"]),
        (["celery", "flower"], ["exec celery flower"]),
        ([], ["exec"]),
        (None, ["exec celery worker", "exec celery beat", "exec <$@*>"]),
    ],
)
def test_an_entrypoint_that_is_given_arguments(arguments: list[str] | None, expected: list[str]) -> None:
    text = 'case "$1" in\n  worker) exec celery worker;;\n  beat) exec celery beat;;\nesac\nexec "$@"\n'
    assert shown(started(text, arguments=arguments)) == expected


def test_the_entrypoint_of_official_images() -> None:
    text = '#!/bin/sh\nset -e\nif [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then\n\tset -- redis-server "$@"\nfi\nexec "$@"\n'
    assert shown(started(text, arguments=["--save", "60", "1"])) == ["exec redis-server --save 60 1"]
    assert shown(started(text, arguments=["x.conf"])) == ["exec redis-server x.conf"]
    assert shown(started(text, arguments=["celery", "worker"])) == ["exec celery worker"]
    text = 'if [ "${1:0:1}" = "-" ]; then\n  set -- celery "$@"\nfi\nexec "$@"\n'
    assert shown(started(text, arguments=["-A", "x"])) == ["exec celery -A x"]


def test_functions_of_a_script_that_is_run_with_known_arguments_count_only_where_they_are_called() -> None:
    text = 'web() { a; }\nworker() { c "$@"; }\n"$@"\n'
    assert shown(started(text, arguments=["worker", "-Q", "x"])) == ["c -Q x"]
    assert shown(started(text)) == ["<$@*>", "c <$@*>", "a"]


@pytest.mark.parametrize(
    ("text", "known", "hidden"),
    [
        ("c", {"E": "e"}, set()),
        ("A=1; export B=2; C=$A c", {"B": "2", "C": "1", "E": "e"}, set()),
        ("A=1; export A; c", {"A": "1", "E": "e"}, set()),
        ("E=f; c", {"E": "f"}, set()),
        ("export A=$(x); c", {"E": "e"}, {"A"}),
        ("export A=1; if d; then A=2; fi; c", {"E": "e"}, {"A"}),
        ("set -a; A=1; set +a; B=1; c", {"A": "1", "E": "e"}, set()),
        ("set -o allexport; A=1; c", {"A": "1", "E": "e"}, set()),
        ("A=1 b; (export A=1); c", {"E": "e"}, set()),
        ("export A=1; . ./env; c", {"E": "e"}, {"A"}),
        ("E=$(x) c", {}, {"E"}),
    ],
)
def test_the_environment(text: str, known: dict[str, str], hidden: set[str]) -> None:
    last = started(text, {"E": "e"})[-1]
    assert (dict(last.environment), set(last.hidden)) == (known, hidden)


def test_variables_of_the_start_are_known() -> None:
    assert shown(started("c $Q ${Q:-x} ${R:-x}", {"Q": "a b"})) == ["c a b a b x"]


def test_places() -> None:
    text = 'Q=\'a b\'\nARGS=(x "y z")\ncelery worker --queues="$Q" -P \\\n  \'solo\' $Q "${ARGS[@]}"\n'
    (command,) = started(text)
    assert [(word.value, word.raw.value, word.span and word.span.row) for word in command.words] == [
        ("celery", "celery", 3),
        ("worker", "worker", 3),
        ("--queues=a b", '--queues="$Q"', 3),
        ("-P", "-P", 3),
        ("solo", "'solo'", 4),
        ("a", "a", 1),
        ("b", "b", 1),
        ("x", "x", 2),
        ("y z", '"y z"', 2),
    ]


# ── No text makes it fail ────────────────────────────────────────────────────────────────────────────────────────────

PIECES = st.sampled_from(
    [
        *("celery worker", "-Q", "$Q", "${Q:-a}", "${Q:=${R-x}}", '"', "'", "`", "$(", ")", "((", "${", "}", "{", "\\", "\n", " ", ";", ";;", "&"),
        *("&&", "||", "|", "if ", "then ", "else ", "elif ", "fi", "for x in a b", "; do ", "done", "while ", "case $x in ", "a) ", "esac", "#"),
        *("f() {", "f x;", "function g ", "<<EOF\n", "EOF\n", "<<-'E'", ">", "<(", "2>&1", "A=(", "A+=", "B=$A$A;", '"${A[@]}"', "$@", "set -- ", "[["),
        *("]]", "[ $x = a ]", "exec ", "eval ", "return;", "break;", "shift;", "{{ x }}", "{a,b}", "%(x)s", "$'\\", "${x#", "${!", "export X=1 ", "é", "\0"),
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=2000)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_text_makes_it_fail(text: str) -> None:
    started(text)
    started(text, {"Q": "a b"}, ["a", "-b"])


@settings(max_examples=200, deadline=2000)
@given(st.text(max_size=200))
def test_nor_any_characters(text: str) -> None:
    started(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        "$(" * 20_000,
        "${a:-" * 20_000,
        '"${a:-' * 20_000,
        "{ " * 20_000,
        "if " * 20_000,
        "f() " * 20_000,
        "case a in b) " * 10_000,
        "while a; do " * 10_000,
        "{{" * 50_000,
        "{a" * 50_000,
        "${{" * 50_000,
        "`" * 50_000,
        "\\" * 50_001,
        "<<" * 20_000,
        "cat <<A\n" * 20_000,
        "a=(" * 20_000,
        "a; " * 10_000,
        "a $x;\n" * 10_000,
        "a && " * 10_000,
        "A=$A$A;" * 2_000 + "c $A",
        "A=x;" + "A+=$A;" * 2_000 + "c $A",
        'A=(x);A+=("${A[@]}");' * 1_000 + 'c "${A[@]}"',
        "A=" + "x" * 15_000 + ";c " + "$A " * 20_000,
        "f() { f; f; }; f",
        "f() { for x in 1 2 3 4; do f; done; }; f",
        "".join(f"export A{number}=x; c;" for number in range(3_000)),
        "".join(f"if a; then A{number}=x; fi;" for number in range(3_000)) + "c",
        "eval '" * 1_000,
        "eval eval eval eval a; " * 5_000,
        "for x in 1 2; do " * 25 + "c" + "; done" * 25,
        "echo '" + "{" * 50_000 + "'",
        "(((((" + "'" * 20_001,
        "case a in " + "a|" * 20_000,
        "[[ " + "( " * 20_000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_time_is_bounded(text: str) -> None:
    before = time.process_time()
    source = Source("run.sh", text)
    read_shell(source.whole, {}, frozenset(), None)
    assert time.process_time() - before < 5
