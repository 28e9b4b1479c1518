#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Loosens each memory order and each fence of the core in turn, and asks the
model checker to notice.

    loosen.py PROGRAMS [--to ORDER] [--sample N] [--file F] [--iterations N]

PROGRAMS is the folder of model-deque and the others (build/dev/tests/model).
Every operation that is not relaxed becomes relaxed, every fence nothing; with
--to acquire, release or acq_rel only what is stronger than that is weakened.
A program notices by a failed check, a data race, a deadlock. What no program
notices must stand in proofs.md, by the name that is printed here, and these may
be a tenth of all at most; what stands there and is noticed must leave it.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]

# Where the orders are, and who looks at them.
FILES = {
    "sched/array.c": ["deque"],
    "sched/array.h": ["deque"],
    "sched/coro.h": ["coro"],
    "sched/deque.c": ["deque"],
    "sched/deque.h": ["deque"],
    "sched/idle.c": ["idle"],
    "sched/inbox.h": ["inbox", "idle"],
    "sched/lock.c": ["inbox"],
    "sched/monitor.c": ["idle"],
    "sched/monitor.h": ["idle"],
    "sched/lock.h": ["inbox"],
    "sched/queue.c": ["idle"],
    "sched/ring.h": ["deque"],
    "future/future.c": ["future"],
    "future/future.h": ["future"],
}

CALL = re.compile(r"\bweft__(load_acquire|load_sc|store_release|xchg|xchg_sc|"
                  r"fetch_(?:or|and|add|sub)(?:_sc)?|cas|cas_weak|cas_sc|"
                  r"fence(?:_after_rmw)?)\(")
# Which of them --to can still weaken.
WEAKER = {
    "relaxed": lambda op: True,
    "acq_rel": lambda op: op.endswith("_sc"),
    "acquire": lambda op: op.endswith("_sc") or op.startswith(
        ("xchg", "fetch", "cas")),
}
WEAKER["release"] = WEAKER["acquire"]


def closing(text, at):
    """The index after the parenthesis that closes the one before `at`."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at


def without_comments(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)


def function_at(text, at):
    """The name of the function around an index."""
    starts = re.finditer(r"^[A-Za-z_][^;={}]*?(\w+)\([^;{}]*\)\n\{", text[:at],
                         flags=re.M)
    return [match.group(1) for match in starts][-1]


class Site:
    def __init__(self, file, text, match):
        end = closing(text, match.end())
        self.file = file
        self.op = match.group(1)
        self.first = text.count("\n", 0, match.start()) + 1
        self.last = text.count("\n", 0, end) + 1
        what = re.sub(r"\s+", " ", text[match.start():end])
        self.function = function_at(text, match.start())
        self.name = f"{file} {self.function}: {what}"


# Of these files only these functions: the rest is no part of the protocols.
ONLY = {"sched/queue.c": ["put_next", "weft__queue_take_next"]}


def sites_of(file):
    text = without_comments((TOP / file).read_text())
    text = re.sub(r"^#.*$", lambda m: " " * len(m.group()), text, flags=re.M)
    found = [Site(file, text, match) for match in CALL.finditer(text)]
    found = [site for site in found
             if site.function in ONLY.get(file, [site.function])]
    for a, b in zip(found, found[1:]):
        if a.last >= b.first:
            sys.exit(f"{file}:{b.first}: two operations in one line")
    return found


def proven():
    text = pathlib.Path(__file__).with_name("proofs.md").read_text()
    return re.findall(r"^## `(.*)`$", text, flags=re.M)


def notice(site, to, programs, iterations):
    """Who notices: None or "scenario: what". And whether it was reached."""
    reached = False
    for program in FILES[site.file]:
        run = subprocess.run(
            [os.path.join(programs, f"model-{program}"), "--iterations",
             str(iterations), "--loosen",
             f"{site.file}:{site.first}-{site.last}={to}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=3600)
        reached |= bool(re.search(r"^loosened: reached [1-9]", run.stdout,
                                  flags=re.M))
        if run.returncode == 0:
            continue
        if run.returncode != 1:
            return f"{program} ended with {run.returncode}", True
        text = run.stdout
        scenario = re.search(r"^(\w+): BROKEN$", text, flags=re.M)
        what = re.search(r"^([A-Z][A-Z ]+.*)\niteration: (\d+)$", text,
                         flags=re.M)
        return (f"{scenario.group(1)}: {what.group(1)}, execution "
                f"{what.group(2)}"), True
    return None, reached


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs")
    parser.add_argument("--to", default="relaxed", choices=sorted(WEAKER))
    parser.add_argument("--sample", type=int)
    parser.add_argument("--file")
    parser.add_argument("--iterations", type=int, default=50000)
    args = parser.parse_args()

    sites = [site for file in FILES for site in sites_of(file)
             if WEAKER[args.to](site.op) and args.file in (None, file)]
    listed = proven()
    if args.sample:
        sites = [site for site in sites if site.name not in listed]
        sites = sites[::len(sites) // args.sample][:args.sample]
    bad = quiet = 0
    for site in sites:
        noticed, reached = notice(site, args.to, args.programs,
                                  args.iterations)
        verdict = noticed or ("in proofs.md" if site.name in listed else
                              "NOT NOTICED" if reached else "NOT REACHED")
        quiet += noticed is None
        if verdict.startswith("NOT "):
            bad += 1
        elif args.to == "relaxed" and noticed and site.name in listed:
            verdict += "; BUT IN proofs.md"
            bad += 1
        print(f"{site.name}\n    {site.first}: {verdict}", flush=True)
    print(f"{len(sites)} loosened, {len(sites) - quiet} noticed, "
          f"{quiet} not; {bad} wrong")
    sys.exit(bad > 0 or (not args.file and args.to == "relaxed" and
                         quiet * 10 > len(sites)))


main()
