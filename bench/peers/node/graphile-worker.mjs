// graphile-worker as one of the queues of the bench.

import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { args, counts, main } from "./adapter.mjs";

const connectionString = process.env.DATABASE_URL;

// Its own documentation of performance measures with these: https://worker.graphile.org/docs/performance
const concurrentJobs = 24;
const maxPoolSize = 25;
const batched = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };

const silent = new Logger(() => () => {});
const preset = (mode) => ({
  worker: { connectionString, concurrentJobs, maxPoolSize, ...(mode === "batched" ? batched : {}) },
});

await main({
  about: {
    name: "graphile-worker",
    left: "select count(*) from graphile_worker._private_jobs",
    keeps: false,
    modes: [
      { name: "batched", settings: "concurrentJobs 24, localQueue 500, completeJobBatchDelay 0, failJobBatchDelay 0" },
      { name: "plain", settings: "concurrentJobs 24" },
    ],
  },
  async setup() {
    const utils = await makeWorkerUtils({ connectionString, logger: silent });
    await utils.migrate();
    await utils.release();
  },
  // One pool of one connection each, so that a sender is a connection.
  async sender() {
    const client = new pg.Client({ connectionString });
    await client.connect();
    return client;
  },
  // The function behind `addJobs`, called on a connection of the application's, as its documentation shows it for SQL.
  async many(client, numbers) {
    const specs = JSON.stringify(numbers.map((n) => ({ identifier: "noop", payload: args(n) })));
    await client.query({
      name: "many",
      text: `select count(*) from graphile_worker.add_jobs(
        array(select json_populate_record(null::graphile_worker.job_spec, value) from json_array_elements($1::json)))`,
      values: [specs],
    });
  },
  async one(client, n) {
    await client.query("begin");
    await client.query({
      name: "one",
      text: "select id from graphile_worker.add_job('noop', $1::json)",
      values: [JSON.stringify(args(n))],
    });
    await client.query("commit");
  },
  async work(mode, gate) {
    const noop = async ({ n }) => counts.ran(n);
    await gate.ready();
    const runner = await run({ preset: preset(mode), taskList: { noop }, logger: silent, noHandleSignals: true });
    await gate.stopped();
    await runner.stop();
  },
});
