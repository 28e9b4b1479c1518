#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What of weft-perf micro asyncio has: asyncio WORKLOAD [--workers N]
[--scale N] runs one and prints a line of JSON. A loop is one thread, whatever
N. Counts are a twentieth of the others' or less: an operation is the same.
77: has it not."""
import asyncio
import json
import platform
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

LESS = 20


def scaled(n, scale):
    return max(n // (scale * LESS), 1)


def check(got, wanted):
    if got != wanted:
        sys.exit(f"asyncio: wrong: {got} instead of {wanted}")


async def nothing():
    pass


def no_job():
    pass


async def spawn_join(scale):
    rounds = scaled(2000, scale)
    for _ in range(rounds):
        tasks = [asyncio.create_task(nothing()) for _ in range(1000)]
        for task in tasks:
            await task
    return rounds * 1000


async def spawn_one(scale):
    times = scaled(1000000, scale)
    for _ in range(times):
        await asyncio.create_task(nothing())
    return times


async def yield_often(scale):
    yields = scaled(5000, scale)

    async def one():
        for _ in range(yields):
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(1000)))
    return yields * 1000


async def pingpong(scale):
    trips = scaled(2000000, scale)
    to, fro = asyncio.Queue(1), asyncio.Queue(1)

    async def answer():
        for _ in range(trips):
            await fro.put(await to.get() + 1)

    async def ask():
        for i in range(trips):
            await to.put(i)
            check(await fro.get(), i + 1)

    await asyncio.gather(ask(), answer())
    return trips


async def mpmc(scale):
    each = scaled(2000000, scale * 4)
    queue = asyncio.Queue(1024)
    total = 0

    async def produce(first):
        for i in range(each):
            await queue.put(first + i)

    async def consume():
        nonlocal total
        for _ in range(each):
            item = await queue.get()
            total += item

    await asyncio.gather(*(produce(p * each) for p in range(4)),
                         *(consume() for _ in range(4)))
    n = each * 4
    check(total, n * (n - 1) // 2)
    return n


async def mutex(scale):
    times = scaled(2000, scale)
    lock = asyncio.Lock()
    counter = 0

    async def one():
        nonlocal counter
        for _ in range(times):
            async with lock:
                counter += 1

    await asyncio.gather(*(one() for _ in range(1000)))
    check(counter, times * 1000)
    return counter


async def timer_cancel(scale):
    times = scaled(2000000, scale)
    loop = asyncio.get_running_loop()
    late = 0
    for _ in range(times):
        timer = loop.call_later(3600, sys.exit, "asyncio: a timer rang")
        timer.cancel()
        late += not timer.cancelled()
    check(late, 0)
    return times


def foreign_sync(loop, scale):
    times = scaled(200000, scale)
    for _ in range(times):
        asyncio.run_coroutine_threadsafe(nothing(), loop).result()
    return times


def foreign_pipe(loop, scale):
    windows = scaled(400, scale)
    for _ in range(windows):
        futures = [asyncio.run_coroutine_threadsafe(nothing(), loop)
                   for _ in range(1000)]
        for future in futures:
            future.result()
    return windows * 1000


def exec_sync(pool, scale):
    times = scaled(200000, scale)
    for _ in range(times):
        pool.submit(no_job).result()
    return times


def exec_pipe(pool, scale):
    windows = scaled(2000, scale)
    for _ in range(windows):
        futures = [pool.submit(no_job) for _ in range(1000)]
        for future in futures:
            future.result()
    return windows * 1000


INSIDE = {
    "spawn_join": spawn_join,
    "spawn_one": spawn_one,
    "yield": yield_often,
    "pingpong": pingpong,
    "mpmc": mpmc,
    "mutex": mutex,
    "timer_cancel": timer_cancel,
}

OUTSIDE = {
    "foreign_sync": foreign_sync,
    "foreign_pipe": foreign_pipe,
}

POOLED = {
    "exec_sync": exec_sync,
    "exec_pipe": exec_pipe,
}


async def timed(work, scale):
    start = time.perf_counter_ns()
    ops = await work(scale)
    return ops, time.perf_counter_ns() - start


def run_outside(work, scale):
    """The loop in a thread of its own; this one is the foreign one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    start = time.perf_counter_ns()
    ops = work(loop, scale)
    took = time.perf_counter_ns() - start
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    return ops, took


def run_pooled(work, scale):
    """What run_in_executor() hands its jobs to, without a loop between: that
    would only add to it."""
    with ThreadPoolExecutor(2) as pool:
        start = time.perf_counter_ns()
        ops = work(pool, scale)
        return ops, time.perf_counter_ns() - start


def option(name):
    at = sys.argv.index(name) if name in sys.argv else None
    return int(sys.argv[at + 1]) if at else 1


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    scale = option("--scale")
    if name in INSIDE:
        ops, took = asyncio.run(timed(INSIDE[name], scale))
    elif name in OUTSIDE:
        ops, took = run_outside(OUTSIDE[name], scale)
    elif name in POOLED:
        ops, took = run_pooled(POOLED[name], scale)
    else:
        sys.exit(77)
    print(json.dumps({
        "runtime": "asyncio", "version": platform.python_version(),
        "workload": name, "workers": 1, "ops": ops,
        "ns_per_op": round(took / ops, 3)}))


main()
