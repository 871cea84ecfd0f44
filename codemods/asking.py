"""`--interactive`: each rewrite is shown and asked about on the terminal."""

from __future__ import annotations

from collections.abc import Callable

from codemods.plan import Proposal
from codemods.report import diff


class Asker:
    """Asks about one proposal after the other; `all` and `quit` answer for the rest."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown
        self._rest = ""

    def __call__(self, proposal: Proposal) -> str:
        """ "yes", "no" or one of the proposal's choices."""
        if self._rest == "no" or (self._rest and proposal.choices):
            return "no"
        if self._rest:
            return self._rest
        finding = proposal.finding
        place = f"{self._shown(finding.place.file)}:{finding.place.row}"
        print(f"\n{place} {finding.code} {finding.message}")
        if not proposal.choices:
            print(diff(self._shown(finding.place.file), proposal.before, proposal.after))
        return self._read(proposal)

    def _read(self, proposal: Proposal) -> str:
        answers = (*(proposal.choices or ("yes",)), "no", *(() if proposal.choices else ("all",)), "quit")
        question = f"{proposal.question or 'Rewrite it?'} [{'/'.join(answers)}] "
        while True:
            try:
                said = input(question).strip().lower()
            except EOFError:
                said = "quit"
            fitting = [answer for answer in answers if said and answer.startswith(said)]
            if len(fitting) != 1:
                print(f"Please answer {', '.join(answers)} (or the first letter).")
                continue
            if fitting[0] in ("all", "quit"):
                self._rest = "yes" if fitting[0] == "all" else "no"
                return self._rest
            return str(fitting[0])
