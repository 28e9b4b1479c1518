#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Copies the core's sources for the checker, to be compiled as C++.

    source.py TOP OUT

Nothing that orders memory is touched. What is: the fields that an order is
there to publish become model::plain<T>, so that the checker sees who reads and
writes them; a few words that are C and not C++. Lines keep their numbers, and
each file its name, so that a site is called what it is called in the core.
"""
import pathlib
import sys

LINK = "model::plain<struct weft__waiter *>"

# File, words that stand there, words instead.
CHANGES = [
    ("sched/inbox.h", "    struct weft__link *next;",
     "    model::plain<struct weft__link *> next;"),
    ("sched/coro.h", "    uint8_t flags;\n", "    model::plain<uint8_t> flags;\n"),
    ("sched/coro.h", "    uint8_t reason; ", "    model::plain<uint8_t> reason; "),
    ("sched/coro.h", "    void *sp; ", "    model::plain<void *> sp; "),
    ("future/error.h", "struct weft_error public;",
     "struct weft_error public_;"),
    ("future/future.c", ".state = WEFT__DONE, .refs = 1, .kind = WEFT__STATIC,",
     ""),
    ("future/future.c", ".result = (void *)(intptr_t) - (number)", ""),
    ("future/future.c", "code < 0 ? NULL : future->result;",
     "code < 0 ? NULL : (void *)future->result;"),
    ("future/future.h", "        void *arg; ",
     "        model::plain<void *> arg; "),
    ("future/future.h", "        void *result; ",
     "        model::plain<void *> result; "),
    ("future/future.h", "    struct weft__waiter *next; ",
     "    model::plain<struct weft__waiter *> next; "),
    ("future/future.c", "struct weft__waiter **link", LINK + " *link"),
    ("future/future.c", "    struct weft__waiter *first = waiters_of(",
     f"    {LINK} first{{}}; first = waiters_of("),
    ("future/future.h", "    void (*fire)(struct weft__waiter *); ",
     "    model::plain<void (*)(struct weft__waiter *)> fire; "),
    ("sched/idle.h", "    uint32_t step; ", "    model::plain<uint32_t> step; "),
    ("sched/lock.c", "#define SPINS 100", "#define SPINS 1"),
    ("sched/patience.h", "#define WEFT__PATIENCE_TURNS 16",
     "#define WEFT__PATIENCE_TURNS 1"),
    ("sched/atomic.h", "static inline void weft__pause(void)\n{",
     "static inline void weft__pause(void)\n{ weft__pause_spin();"),
]


def changed(name, text):
    for file, old, new in CHANGES:
        if file != name:
            continue
        if old not in text:
            sys.exit(f"{name}: not there: {old!r}")
        text = text.replace(old, new)
    return text


def main():
    top, out = map(pathlib.Path, sys.argv[1:])
    read = []
    for room in ("sched", "future"):
        for path in sorted((top / room).glob("*.[ch]")):
            name = f"{room}/{path.name}"
            read.append(str(path))
            text = changed(name, path.read_text())
            text = f'#line 1 "{name}"\n{text}'
            to = out / name
            to.parent.mkdir(parents=True, exist_ok=True)
            if not to.exists() or to.read_text() != text:
                to.write_text(text)
    (out / "stamp.d").write_text(f"{out}/stamp: {' '.join(read)}\n")
    (out / "stamp").touch()


main()
