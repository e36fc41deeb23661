// What every Node queue of the bench has in common: its command line, and what it prints as lines of JSON.
// The same as adapter/src/lib.rs; README.md tells what each command does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const args = (n) => ({
  n,
  text: "eighty bytes of what a job might need to know, such as who asked for it and for what",
});

const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const REPORT_MS = 50;
// Connections that send at a steady rate; more than are ever needed at once.
const SENDERS = 32;
// How long a worker may take to end once it was told; what is counted has been counted by then.
const ENDS_MS = 20_000;

export const counts = {
  total: 0,
  firstUs: 0,
  times: null,
  ran(n) {
    if (this.times) this.times.push([n, nowUs()]);
    if (this.total++ === 0) this.firstUs = nowUs();
  },
};

// A worker's two orders, which come on stdin: "go", and the end of stdin, which means stop.
function gate() {
  const lines = createInterface({ input: process.stdin });
  const go = new Promise((done) => lines.once("line", done));
  const stopped = new Promise((done) => lines.once("close", done));
  return {
    ready: () => (print({ ready: true }), go),
    stopped: () => stopped,
  };
}

async function work(queue, mode, times) {
  if (times) counts.times = [];
  const say = () => print({ ran: counts.total, first_us: counts.firstUs });
  let said = 0;
  const report = setInterval(() => {
    if (counts.total !== said) {
      said = counts.total;
      say();
    }
  }, REPORT_MS);
  const orders = gate();
  const late = orders.stopped().then(() => new Promise((done) => setTimeout(done, ENDS_MS).unref()));
  await Promise.race([queue.work(mode, orders), late]);
  clearInterval(report);
  say();
  if (times) print({ times: counts.times });
}

async function many(queue, jobs, batch) {
  const sender = await queue.sender();
  let began = 0;
  for (let from = 0; from < jobs; from += batch) {
    // The first call prepares statements and warms up code.
    if (from === batch) began = performance.now();
    const part = Array.from({ length: Math.min(batch, jobs - from) }, (_, i) => from + i);
    await queue.many(sender, part);
  }
  print({ jobs, timed: Math.max(jobs - batch, 0), seconds: (performance.now() - began) / 1000 });
}

async function single(queue, n, seconds) {
  const senders = [];
  for (let i = 0; i < n; i++) senders.push(await queue.sender());
  const began = performance.now();
  let jobs = 0;
  const one = async (sender) => {
    while (performance.now() - began < seconds * 1000) await queue.one(sender, jobs++);
  };
  await Promise.all(senders.map(one));
  print({ jobs, timed: jobs, seconds: (performance.now() - began) / 1000 });
}

async function send(queue, rate, seconds) {
  const idle = [];
  for (let i = 0; i < SENDERS; i++) idle.push(await queue.sender());
  const waiting = [];
  const take = async () => idle.pop() ?? new Promise((done) => waiting.push(done));
  const put = (sender) => (waiting.length > 0 ? waiting.shift()(sender) : idle.push(sender));
  const sent = [];
  const one = async (n) => {
    const sender = await take();
    await queue.one(sender, n);
    sent.push([n, nowUs()]);
    put(sender);
  };
  const all = [];
  const began = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = began + (n * 1000) / rate - performance.now();
    if (wait > 1) await new Promise((done) => setTimeout(done, wait));
    all.push(one(n));
  }
  await Promise.all(all);
  print({ sent });
}

// What the installed package says of itself; its `exports` may hide that file from `require`.
function version(name) {
  const here = dirname(fileURLToPath(import.meta.url));
  const require = createRequire(import.meta.url);
  const folders = require.resolve.paths(name).concat(join(here, "node_modules"));
  for (const folder of folders) {
    try {
      return JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8")).version;
    } catch {
      // Not in this one.
    }
  }
  return "unknown";
}

export async function main(queue) {
  const [command, ...rest] = process.argv.slice(2);
  const numbers = rest.map(Number);
  switch (command) {
    case "about": {
      const { name, left, keeps, modes } = queue.about;
      print({ name, version: version(name), left, keeps, modes });
      break;
    }
    case "setup":
      await queue.setup();
      break;
    case "many":
      await many(queue, ...numbers);
      break;
    case "single":
      await single(queue, ...numbers);
      break;
    case "send":
      await send(queue, ...numbers);
      break;
    case "work":
      await work(queue, rest[0], rest[1] === "times");
      break;
    default:
      throw new Error("about | setup | many JOBS BATCH | single SENDERS SECONDS | send RATE SECONDS | work MODE [times]");
  }
  // What a library left open must not hold up the end; stdout is a pipe, which is written before this returns.
  process.stdout.write("", () => process.exit(0));
}
