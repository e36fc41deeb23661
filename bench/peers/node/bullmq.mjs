// BullMQ on its PostgreSQL backend as one of the queues of the bench.

import pg from "pg";
import { Queue, Worker, createPostgresBackend, runMigrations } from "bullmq";
import { args, counts, main } from "./adapter.mjs";

const connectionString = process.env.DATABASE_URL;
const QUEUE = "noop";

// Its own page on PostgreSQL measures with 8 to 32 at once, gives each backend a pool of that size, and keeps what ends few:
// https://docs.bullmq.io/guide/postgresql
const CONCURRENCY = 32;
const modes = {
  kept: { settings: `concurrency ${CONCURRENCY}, pool of ${CONCURRENCY}; completed jobs stay`, options: {} },
  removed: {
    settings: `concurrency ${CONCURRENCY}, pool of ${CONCURRENCY}, removeOnComplete 1000, as its tuning tips say`,
    options: { removeOnComplete: { count: 1000 } },
  },
};

const loud = (made) => made.on("error", (error) => console.error(error.message));

await main({
  about: {
    name: "bullmq",
    left: "select count(*) from bullmq.job where state not in ('completed', 'failed')",
    keeps: true,
    modes: Object.entries(modes).map(([name, { settings }]) => ({ name, settings })),
  },
  async setup() {
    const client = new pg.Client({ connectionString });
    await client.connect();
    await runMigrations(client);
    await client.end();
  },
  // A queue of its own with a pool of one connection, so that a sender is a connection.
  async sender() {
    const queue = new Queue(QUEUE, { connection: { connectionString, max: 1 } }, createPostgresBackend);
    loud(queue);
    await queue.waitUntilReady();
    return queue;
  },
  async many(queue, numbers) {
    await queue.addBulk(numbers.map((n) => ({ name: "noop", data: args(n) })));
  },
  // It documents no way into a transaction of the caller's: this is one of its own.
  async one(queue, n) {
    await queue.add("noop", args(n));
  },
  async work(mode, gate) {
    const worker = new Worker(
      QUEUE,
      async (job) => counts.ran(job.data.n),
      {
        connection: { connectionString, max: CONCURRENCY },
        concurrency: CONCURRENCY,
        autorun: false,
        ...modes[mode].options,
      },
      createPostgresBackend,
    );
    loud(worker);
    await worker.waitUntilReady();
    await gate.ready();
    worker.run();
    await gate.stopped();
    await worker.close();
  },
});
