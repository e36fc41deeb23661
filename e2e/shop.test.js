// The pages as a shop sees them that has had them for a while: at the width of a telephone, a tablet and a desk, in light and in dark, and the
// pictures that the documentation shows (`E2E_PICTURES` says where they go).
import assert from 'node:assert/strict';

import { PICTURES, accessible, fits, go, on, pictures, signIn, story } from './people.js';
import { Shop } from './shop.js';

const shop = new Shop();
on(shop);

/** What has a picture in the documentation. */
const shown = () => ({
  overview: '', jobs: 'jobs', job: `jobs/${shop.export}`, group: `dead/${shop.group}`, queue: 'queues/mail', kind: 'kinds/export_orders', schedules: 'cron',
  schedule: 'cron/sync_stock', workers: 'workers', alerts: 'alerts',
});
const others = ['dead', 'dead/discarded', 'replays', 'queues', 'kinds', 'audit', 'login', 'jobs?state=scheduled', 'bulk/cancel?kind=remind_cart', 'queues/stock',
  'kinds/send_receipt', '?range=24h'];
const every = () => [...Object.values(shown()), ...others];

story('whoever is on call sees at a glance what to look at', {}, async (page) => {
  await signIn(page, shop.admin);
  const glance = await page.locator('.answers').innerText();
  assert.match(glance, /Dead\?\s+5 letters\s+2 open groups/);
  assert.match(glance, /Too big\?\s+1 job/);
  assert.match(glance, /Workers\?\s+2 live/);
  await go(page, `jobs/${shop.export}`);
  const life = await page.locator('main').innerText();
  assert.match(life, /memory_limit/);
  assert.match(life, /completed/);
  // What it used of what it might, also for whoever does not see the bar.
  assert.match(await page.locator('article', { hasText: 'memory_limit' }).innerText(), /memory\s*\d+ MiB of 192 MiB/);
});

for (const [what, width, height] of [['a telephone', 320, 640], ['a tablet', 800, 1000], ['a desk', 1400, 900]]) {
  story(`a shop's pages fit on ${what}`, { viewport: { width, height } }, async (page) => {
    await signIn(page, shop.admin);
    for (const path of every()) await fits(page, path);
  });
}

// Those of which the other stories have less to show.
story("a shop's pages please axe, in light and in dark", {}, async () => {
  const { job, group, queue, kind, schedule, workers } = shown();
  await accessible([job, group, queue, kind, schedule, workers], shop.admin);
});

if (PICTURES) story('pictures for the documentation', {}, () => pictures(shown(), shop.admin));
