// pg-boss as one of the queues of the bench.

import pg from "pg";
import { PgBoss } from "pg-boss";
import { args, counts, main } from "./adapter.mjs";

const connectionString = process.env.DATABASE_URL;
const QUEUE = "noop";

// One for all that is called here; its statements run on the connection that is handed in.
let idle;
async function boss(options) {
  const made = new PgBoss({ connectionString, ...options });
  made.on("error", (error) => console.error(error.message));
  await made.start();
  return made;
}
const calls = () => (idle ??= boss({ supervise: false, schedule: false, max: 1 }));

await main({
  about: {
    name: "pg-boss",
    left: "select count(*) from pgboss.job where state < 'completed'",
    keeps: true,
    modes: [
      {
        name: "batched",
        settings: "batchSize 1000, localConcurrency 2, burstWhenBatchFull, LISTEN on, pollingIntervalSeconds 0.5, partition",
      },
    ],
  },
  async setup() {
    const made = await boss({ supervise: false, schedule: false });
    // A table of its own and a wake-up by NOTIFY are what it offers for busy queues.
    await made.createQueue(QUEUE, { partition: true, notify: true });
    await made.stop({ graceful: false });
  },
  async sender() {
    const client = new pg.Client({ connectionString });
    await client.connect();
    const db = { executeSql: (text, values) => client.query(text, values) };
    return { client, db, boss: await calls() };
  },
  async many({ boss, db }, numbers) {
    await boss.insert(QUEUE, numbers.map((n) => ({ data: args(n) })), { db });
  },
  async one({ client, boss, db }, n) {
    await client.query("begin");
    await boss.send(QUEUE, args(n), { db });
    await client.query("commit");
  },
  async work(mode, gate) {
    const made = await boss({ useListenNotify: true });
    // Whole batches are fetched and completed in one statement each; a full one is followed by the next at once.
    const options = { batchSize: 1000, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
    await gate.ready();
    await made.work(QUEUE, options, async (jobs) => {
      for (const job of jobs) counts.ran(job.data.n);
    });
    await gate.stopped();
    await made.stop({ graceful: true, timeout: 15_000 });
  },
});
