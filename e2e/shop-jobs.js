// The handlers of the shop of `shop.js`: they do as little as they can, and end as such jobs end.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const say = (message) => writeSync(3, JSON.stringify(message) + '\n');

/** Bytes that are really used. */
const MIB = 1024 * 1024;
const held = [];
async function hold(mib) {
  for (let n = 0; n < mib; n += 8) {
    held.push(Buffer.alloc(8 * MIB, 1));
    await sleep(10);
  }
}

/** An error that trying again does not mend. */
class Refused extends Error {}

const handlers = {
  async send_receipt({ order, to }) {
    if (to.startsWith('gone')) throw new Refused(`550 5.1.1 mailbox unknown: receipt of order ${order}`);
    return { accepted: '250 2.0.0 queued' };
  },
  async remind_cart() {
    return { sent: true };
  },
  async resize_photo({ photo }) {
    if (photo.endsWith('.tiff')) process.kill(process.pid, 'SIGSEGV');
    return { sizes: [320, 800, 1600] };
  },
  async sync_stock({ warehouse }) {
    throw new Error(`PUT /stock/${warehouse.length}: 503 down for maintenance`);
  },
  async close_day({ day }) {
    return { day, orders: 1284 };
  },
  // All at once it is too much; the second time it goes month by month.
  async export_orders({ year, months }, { attempt, tell }) {
    const log = (message) => tell({ type: 'log', level: 'info', message });
    if (attempt === 1) {
      log(`reading all orders of ${year}`);
      await hold(600);
    }
    for (let month = 1; month <= months; month += 1) {
      log(`orders of ${year}-${String(month).padStart(2, '0')}: ${9_000 + ((month * 7_919) % 4_000)} lines`);
      tell({ type: 'progress', percent: (100 * month) / 12, note: `month ${month} of 12` });
    }
    await hold(96);
    while (months < 12) await sleep(1000);
    return { file: `orders-${year}.csv`, lines: 131_204, bytes: 18_402_118 };
  },
  async monthly_report({ month }, { tell }) {
    tell({ type: 'log', level: 'info', message: `${month}: 38,412 orders, 2 currencies` });
    await hold(208);
    for (;;) {
      tell({ type: 'progress', percent: 62, note: 'drawing page 31 of 50' });
      await sleep(1000);
    }
  },
};

async function run({ id, attempt, kind, args }) {
  const tell = (message) => say({ id, attempt, ...message });
  try {
    const output = await handlers[kind](args, { attempt, tell });
    held.length = 0;
    tell({ type: 'done', output });
  } catch (error) {
    const then = error instanceof Refused ? 'dead' : 'retry';
    tell({ type: 'fail', message: error.message, class: error.constructor.name, trace: error.stack, then });
  }
}

let running = Promise.resolve();
const input = new Socket({ fd: 4 });
createInterface({ input }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.type === 'hello') say({ type: 'ready', protocol: 1, kinds: Object.keys(handlers) });
  if (message.type === 'job') running = run(message);
  if (message.type === 'cancel') process.exit(1);
  if (message.type === 'drain') running.then(() => process.exit(0));
});
input.on('end', () => process.exit(0));
