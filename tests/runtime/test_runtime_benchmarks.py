"""The benchmark of the runtime measures what it says, ours and the peers, and a default configuration asks no Redis."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.runtime.servers import ROOT, needed_redis_binary

SHORT = (
    "import sys, benchmarks.turns; benchmarks.turns.ROUNDS = 2; sys.argv[1:] = ['costs', 'peers']; import benchmarks.runtime as b; b.main()"
)

MEASURED = {
    *("a default configuration", "a cache hit", "a cache miss", "everything, hit", "everything, miss"),
    *("ours", "ours, everything", "dogpile.cache, get_or_create", "dogpile.cache, cache_on_arguments"),
    *("cashews", "celery-once, lock taken", "celery-once, lock free"),
}


def test_two_rounds() -> None:
    needed_redis_binary()
    run = subprocess.run([sys.executable, "-c", SHORT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    figures = {name: (int(us), float(ratio)) for name, us, ratio in re.findall(r"^  (.+): (-?\d+) us, (-?[\d.]+) x GET$", run.stdout, re.M)}
    assert figures.keys() == MEASURED
    assert figures["a default configuration"][1] < 0.5 < figures["a cache hit"][1] < figures["everything, miss"][1] < 20
