"""What every Python queue of the bench has in common: its command line, and what it prints as lines of JSON.

The same as adapter/src/lib.rs; README.md tells what each command does.
"""

import asyncio
import json
import os
import sys
import time
from importlib.metadata import version

URL = os.environ.get("DATABASE_URL", "")
TEXT = "eighty bytes of what a job might need to know, such as who asked for it and for what"

REPORT_S = 0.05
# Connections that send at a steady rate; more than are ever needed at once.
SENDERS = 32
# How long a worker may take to end once it was told; what is counted has been counted by then.
ENDS_S = 20


def args(n):
    return {"n": n, "text": TEXT}


def now_us():
    return time.time_ns() // 1000


def say(line):
    print(json.dumps(line), flush=True)


class Counts:
    def __init__(self):
        self.total, self.first_us, self.times = 0, 0, None

    def ran(self, n):
        if self.times is not None:
            self.times.append((n, now_us()))
        if self.total == 0:
            self.first_us = now_us()
        self.total += 1

    def say(self):
        say({"ran": self.total, "first_us": self.first_us})


COUNTS = Counts()


class Gate:
    """A worker's two orders, which come on stdin: "go", and the end of stdin, which means stop."""

    def __init__(self):
        self.going, self.stopping = asyncio.Event(), asyncio.Event()

    async def listen(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            self.going.set()
        self.stopping.set()

    async def ready(self):
        say({"ready": True})
        await self.going.wait()

    async def stopped(self):
        await self.stopping.wait()


async def report():
    said = 0
    while True:
        await asyncio.sleep(REPORT_S)
        if COUNTS.total != said:
            said = COUNTS.total
            COUNTS.say()


async def work(queue, mode, times):
    if times:
        COUNTS.times = []
    gate = Gate()
    beside = [asyncio.create_task(gate.listen()), asyncio.create_task(report())]
    working = asyncio.create_task(queue.work(mode, gate))
    stopped = asyncio.create_task(gate.stopped())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait_for(working, ENDS_S)
    for task in beside:
        task.cancel()
    COUNTS.say()
    if times:
        say({"times": COUNTS.times})


async def many(queue, jobs, batch):
    sender = await queue.sender()
    began = 0
    for first in range(0, jobs, batch):
        # The first call prepares statements.
        if first == batch:
            began = time.perf_counter()
        await queue.many(sender, range(first, min(jobs, first + batch)))
    say({"jobs": jobs, "timed": max(jobs - batch, 0), "seconds": time.perf_counter() - began})


async def single(queue, n, seconds):
    senders = [await queue.sender() for _ in range(n)]
    began = time.perf_counter()
    jobs = 0

    async def one(sender):
        nonlocal jobs
        while time.perf_counter() - began < seconds:
            jobs += 1
            await queue.one(sender, jobs)

    await asyncio.gather(*(one(sender) for sender in senders))
    say({"jobs": jobs, "timed": jobs, "seconds": time.perf_counter() - began})


async def send(queue, rate, seconds):
    idle = asyncio.Queue()
    for _ in range(SENDERS):
        idle.put_nowait(await queue.sender())
    sent = []

    async def one(n):
        sender = await idle.get()
        await queue.one(sender, n)
        sent.append((n, now_us()))
        idle.put_nowait(sender)

    began = time.perf_counter()
    tasks = []
    for n in range(rate * seconds):
        wait = began + n / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(n)))
    await asyncio.gather(*tasks)
    say({"sent": sent})


def main(queue):
    command, *rest = sys.argv[1:]
    if command == "about":
        say({"version": version(queue.about["name"]), **queue.about})
    elif command == "setup":
        asyncio.run(queue.setup())
    elif command == "many":
        asyncio.run(many(queue, *map(int, rest)))
    elif command == "single":
        asyncio.run(single(queue, *map(int, rest)))
    elif command == "send":
        asyncio.run(send(queue, *map(int, rest)))
    elif command == "work":
        asyncio.run(work(queue, rest[0], rest[1:] == ["times"]))
    else:
        sys.exit(
            "about | setup | many JOBS BATCH | single SENDERS SECONDS | send RATE SECONDS | work MODE [times]"
        )
