#!/usr/bin/env python3
"""Judges every message vector by the tables and compares the result with what it expects.

Prints one line per disagreement and ends with 1 when there is any.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from emv3ds import facts, vectors
from emv3ds.elements import Examiner
from emv3ds.verdict import Verdict, judge


def _agrees(vector: vectors.Vector, verdict: Verdict) -> bool:
    return verdict.code == vector.code and vector.detail in (None, verdict.details)


def _shown(code: str | None, detail: frozenset[str] | None) -> str:
    return f"{code or 'ok'} {sorted(detail or ())}"


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--facts", type=Path, default=facts.DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    examiner = Examiner(facts.load(options.facts))
    counts: Counter[str] = Counter()
    wrong = 0
    for path in options.files or sorted(vectors.FOLDER.glob("*.jsonl")):
        for vector in vectors.load(path):
            verdict = judge(
                vector.body,
                vector.message,
                examiner,
                vector.leg,
                channel=vector.channel,
                category=vector.category,
            )
            counts[f"{vector.version} {vector.message} {vector.code or 'ok'}"] += 1
            if not _agrees(vector, verdict):
                wrong += 1
                told = _shown(verdict.code, verdict.details)
                print(f"{vector.id}: {_shown(vector.code, vector.detail)} expected, judged {told}")
    for kind, count in sorted(counts.items()):
        print(f"{count:5} {kind}")
    print(f"{sum(counts.values())} vectors, {wrong} disagreements")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
