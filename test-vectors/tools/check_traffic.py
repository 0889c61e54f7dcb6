#!/usr/bin/env python3
"""Checks recorded EMV 3DS traffic against the data dictionary, apart from the Rust code.

Reads the JSON Lines that the directory server simulator records. Prints one line per defect and
ends with 1 when there is any, 2 when the input cannot be read. No value of an element is printed.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from emv3ds import facts, rules, selftest, traffic
from emv3ds.elements import Examiner


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="recorded traffic, JSON Lines")
    parser.add_argument(
        "--facts",
        type=Path,
        default=facts.DEFAULT_FOLDER,
        metavar="DIR",
        help="folder with data-elements.json and codes.json",
    )
    parser.add_argument("--summary", action="store_true", help="counts at the end")
    parser.add_argument(
        "--expect-errors",
        action="store_true",
        help="requests may be bad; only what the ACS sends is judged",
    )
    parser.add_argument(
        "--open-ends",
        action="store_true",
        help="recording stopped early: challenges without RReq are no defect",
    )
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="plant defects in good traffic and see that each is found",
    )
    return parser.parse_args()


def check(
    records: list[traffic.Record],
    examiner: Examiner,
    *,
    expect_errors: bool = False,
    open_ends: bool = False,
) -> list[traffic.Defect]:
    """All defects of the records, without repeats."""
    found = traffic.exchanges(records)
    defects: dict[traffic.Defect, None] = {}
    for exchange in found:
        defects |= dict.fromkeys(traffic.check_messages(exchange, examiner, only_acs=expect_errors))
        defects |= dict.fromkeys(rules.check(exchange, examiner, open_ends=open_ends))
    defects |= dict.fromkeys(rules.check_all(found))
    return list(defects)


def _summary(records: list[traffic.Record], defects: list[traffic.Defect]) -> str:
    kinds = Counter(f"{record.kind} {record.leg}" for record in records)
    lines = [f"{count:6} {kind}" for kind, count in sorted(kinds.items())]
    statuses = Counter(
        f"{record.kind} {record.text('messageVersion')} {record.text('transStatus')}"
        for record in records
        if record.from_acs and record.kind in ("ARes", "RReq", "CRes")
    )
    lines += [f"{count:6} {status}" for status, count in sorted(statuses.items())]
    by_rule = Counter(defect.rule for defect in defects)
    lines += [f"{count:6} defects: {rule}" for rule, count in sorted(by_rule.items())]
    exchanges = len(traffic.exchanges(records))
    lines.append(f"{len(records)} messages, {exchanges} authentications, {len(defects)} defects")
    return "\n".join(lines)


def main() -> int:
    """Runs the command line; returns the exit code."""
    options = _arguments()
    try:
        examiner = Examiner(facts.load(options.facts))
        if options.self_test:
            return selftest.run(examiner, check)
        if not options.files:
            print("name at least one file, or use --self-test", file=sys.stderr)
            return 2
        records = traffic.read(options.files)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    defects = check(
        records, examiner, expect_errors=options.expect_errors, open_ends=options.open_ends
    )
    for defect in defects:
        print(defect)
    if options.summary:
        print(_summary(records, defects))
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
