"""procrastinate as one of the queues of the bench."""

import asyncio

import procrastinate
import psycopg

from adapter import COUNTS, URL, args, main

# A fetch and a finish are a query each, so a worker gains from some jobs at once, and needs about as many connections.
CONCURRENCY = 20

APP = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=URL, min_size=1, max_size=CONCURRENCY + 2)
)


@APP.task(name="noop", queue="noop")
async def noop(n, text):
    COUNTS.ran(n)


class Peer:
    about = {
        "name": "procrastinate",
        "left": "select count(*) from procrastinate_jobs where status in ('todo', 'doing')",
        "keeps": True,
        "modes": [{"name": "usual", "settings": f"concurrency {CONCURRENCY}, LISTEN on, psycopg with its binary part"}],
    }

    async def setup(self):
        async with APP.open_async():
            await APP.schema_manager.apply_schema_async()

    async def sender(self):
        if not getattr(self, "is_open", False):
            await APP.open_async()
            self.is_open = True
        return await psycopg.AsyncConnection.connect(URL, autocommit=True)

    async def many(self, connection, numbers):
        async with connection.transaction():
            await noop.configure(connection=connection).batch_defer_async(*map(args, numbers))

    async def one(self, connection, n):
        async with connection.transaction():
            await noop.configure(connection=connection).defer_async(**args(n))

    async def work(self, mode, gate):
        async with APP.open_async():
            await gate.ready()
            worker = asyncio.create_task(
                APP.run_worker_async(
                    queues=["noop"],
                    concurrency=CONCURRENCY,
                    listen_notify=True,
                    install_signal_handlers=False,
                )
            )
            await gate.stopped()
            worker.cancel()
            await asyncio.wait([worker])


main(Peer())
