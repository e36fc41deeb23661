// What people live with the dashboard, in Debian's Chromium. Each page that a story passes is looked at by axe, in light and in
// dark; whatever breaks the content security policy, and whatever a page says on its console, fails the story.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { accessible, act, fits, go, on, signIn, story } from './people.js';
import { Scene } from './scene.js';

// `hold` runs until it is cancelled; `mail` fails unless its args say `good`, and what it says then is markup.
const scene = new Scene(`
[queues.reports]
slots = 2
start_within = "1m"
[queues.mail]
slots = 2
[queues.nobody]
[kinds.report]
queue = "reports"
memory = "128MiB"
command = ["sh", "-c", "echo page 1 of 2; echo page 2 of 2; sleep 0.1"]
[kinds.hold]
queue = "reports"
command = ["sh", "-c", "echo it has begun; sleep 300"]
[kinds.mail]
queue = "mail"
max_retries = 0
command = ["sh", "-c", "grep -q good || { echo '<img src=x onerror=alert(1)> 550 mailbox unknown' >&2; exit 1; }"]
[cron.figures]
schedule = "0 * * * *"
kind = "report"
args = { of = "the hour" }
[alerts.channels]
pager = { command = ["sh", "-c", "echo the pager is off >&2; exit 1"] }
team = { command = ["sh", "-c", "cat > /dev/null"] }
[[alerts.routes]]
to = ["log"]
`, 'reports,mail');
on(scene);

story('before there is any job, every page says what to do', {}, async (page) => {
  for (const path of ['', 'jobs', 'dead', 'dead/discarded', 'queues', 'kinds', 'cron', 'workers', 'alerts', 'replays']) {
    await go(page, path);
    assert.ok(await page.locator('h1').first().innerText() || path === '');
  }
  await go(page, 'dead');
  await page.getByText('Nothing is dead.').waitFor();
});

story('a job is found by its id, and its page tells its life', {}, async (page) => {
  const id = scene.enqueue('report', { month: '2026-11', password: 'hunter2' });
  await scene.untilIn(id, 'completed');
  await go(page, '');
  await page.fill('input[name=q]', id);
  await page.press('input[name=q]', 'Enter');
  await page.waitForURL(new RegExp(`jobs/${id}$`));
  const text = await page.locator('main').innerText();
  assert.match(text, /completed/);
  assert.match(text, /2026-11/);
  assert.doesNotMatch(text, /hunter2/);
  await accessible(`jobs/${id}`);
});

story('somebody on call sees what is dead and why, and what a job says is only text', {}, async (page) => {
  const id = scene.enqueue('mail', { to: '<script>alert(2)</script>' });
  await scene.untilIn(id, 'dead');
  await scene.until('the group is there', () => JSON.parse(scene.run('dead', 'list', '--json')).items.length > 0);
  await go(page, 'dead');
  await page.getByText('550 mailbox unknown').first().click();
  await page.getByRole('link', { name: id, exact: true }).first().click();
  const text = await page.locator('main').innerText();
  assert.match(text, /<img src=x onerror=alert\(1\)>/);
  assert.match(text, /<script>alert\(2\)<\/script>/);
  assert.equal(await page.locator('main img, main script').count(), 0);
  await accessible(['dead', '']);
});

story('whoever has not signed in may look, and not act', {}, async (page) => {
  await go(page, 'queues');
  await page.locator('details.act > summary', { hasText: 'Pause' }).first().click();
  assert.ok(await page.locator('details.act[open] form button').first().isDisabled());
  await page.locator('details.act[open]').getByText('Sign in').click();
  await page.waitForURL(/login/);
});

story('a wrong token is refused in words, a right one lets in, and out again', {}, async (page) => {
  await go(page, 'login');
  await page.fill('[name=token]', 'bst_wrong');
  await Promise.all([page.waitForResponse((answer) => answer.status() === 401), page.click('button:has-text("Sign in")')]);
  await signIn(page, scene.operator);
  assert.match(await page.locator('header').innerText(), /operator/);
  await go(page, 'login');
  await page.click('button:has-text("Sign out")');
  await go(page, '');
  assert.match(await page.locator('header').innerText(), /Sign in/);
});

story('an operator ends a job that runs', {}, async (page) => {
  const id = scene.enqueue('hold');
  await scene.untilIn(id, 'running');
  await signIn(page, scene.operator);
  await go(page, `jobs/${id}`);
  await act(page, 'Cancel', { reason: 'wrong tenant', grace: '0s' });
  await scene.untilIn(id, 'cancelled');
  await go(page, `jobs/${id}`);
  assert.match(await page.locator('main').innerText(), /wrong tenant/);
});

story('an operator tries out a channel and sees what it answered', {}, async (page) => {
  await signIn(page, scene.operator);
  const channel = (name) => page.locator('section.card', { has: page.getByRole('heading', { name: new RegExp(`^${name}`) }) });
  const tryOut = async (name) => {
    await go(page, 'alerts');
    await channel(name).locator('summary').click();
    await channel(name).locator('[name=reason]').fill('is it right?');
    await Promise.all([page.waitForURL(/did=test/), channel(name).getByRole('button', { name: 'Test' }).click()]);
    return page.locator('table tbody tr').first().innerText();
  };
  assert.match(await tryOut('pager'), /this is a test[\s\S]*the pager is off[\s\S]*undeliverable/);
  assert.match(await tryOut('team'), /this is a test[\s\S]*sent/);
  await accessible('alerts', scene.operator);
});

story('a queue is paused with a reason, which everybody sees, and goes on', {}, async (page) => {
  await signIn(page, scene.admin);
  await go(page, 'queues');
  await act(page, 'Pause', { for_in: '30m', reason: 'upstream down' });
  await go(page, 'queues');
  assert.match(await page.locator('main').innerText(), /Paused by[\s\S]*upstream down/);
  await act(page, 'Resume', { reason: 'it is back' });
  await go(page, 'audit');
  const audit = await page.locator('main').innerText();
  assert.match(audit, /upstream down/);
  assert.match(audit, /it is back/);
});

story('a schedule that missed is seen, paused with a reason, resumed and run, and its job is followed', {}, async (page) => {
  const known = () => scene.sql`select from backstay.schedule where next_at is not null`;
  await scene.until('a worker has looked at the schedule', async () => (await known()).length === 1);
  // As if no worker had been there since then.
  await scene.sql`update backstay.schedule set counted_to = statement_timestamp() - interval '5 h 30 min', look_at = statement_timestamp()`;
  const missed = () => scene.sql`select from backstay.message where rule = 'cron_missed'`;
  await scene.until('people are told', async () => (await missed()).length > 0);
  await go(page, 'alerts');
  assert.match(await page.locator('main').innerText(), /cron_missed/);
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.waitForURL(/cron$/);
  await page.getByRole('link', { name: 'figures', exact: true }).click();
  const ticks = page.locator('tbody tr');
  await ticks.filter({ hasText: 'missed' }).first().waitFor();

  await signIn(page, scene.operator);
  await go(page, 'cron/figures');
  await act(page, 'Pause', { for_in: '2h', reason: 'the figures are wrong' });
  assert.match(await page.locator('main').innerText(), /Paused by operator[\s\S]*the figures are wrong/);
  await go(page, 'cron');
  assert.match(await page.locator('main').innerText(), /paused/);
  await act(page, 'Resume', { reason: 'they are right again' });
  await go(page, 'cron/figures');
  assert.doesNotMatch(await page.locator('main').innerText(), /Paused by/);
  await act(page, 'Run now', { reason: 'somebody waits for them' });
  const row = ticks.filter({ has: page.getByRole('cell', { name: 'run', exact: true }) }).first();
  await row.getByRole('link').click();
  await page.waitForURL(/jobs\/\d+$/);
  assert.match(await page.locator('main').innerText(), /the hour/);
  await scene.untilIn(page.url().match(/\d+$/)[0], 'completed');
  await go(page, 'cron/figures');
  assert.match(await row.innerText(), /enqueued[\s\S]*completed/);
  await accessible(['cron', 'cron/figures'], scene.operator);
});

story('what a queue and a kind were like is seen, and read out as tables', {}, async (page) => {
  const ids = [1, 2, 3].map((n) => scene.enqueue('report', { page: n }));
  for (const id of ids) await scene.untilIn(id, 'completed');
  const counted = () => scene.sql`select coalesce(sum(completed), 0)::int as n from backstay.figure where step = 0 and kind = 'report'`;
  await scene.until('the worker has written down what it counted', async () => (await counted())[0].n >= 3);
  const picture = (title) => page.locator('figure', { has: page.getByRole('heading', { name: title, exact: true }) });
  /** Opens the table behind a picture by keyboard, and adds up one of its columns. */
  const sum = async (title, column) => {
    const figure = picture(title);
    await figure.getByText(`${title} as a table`).focus();
    await page.keyboard.press('Enter');
    const heads = await figure.getByRole('columnheader').allInnerTexts();
    const rows = await figure.locator('tbody tr').all();
    assert.ok(rows.length > 0 && heads.includes(column), `${title}: ${heads}, ${rows.length} rows`);
    let all = 0;
    for (const row of rows) {
      const text = await row.locator('th, td').nth(heads.indexOf(column)).innerText();
      all += Number(text.replaceAll(',', '')) || 0;
    }
    return all;
  };

  await go(page, 'queues');
  await page.locator('section.card', { has: page.getByRole('heading', { name: 'reports' }) }).getByRole('link', { name: 'reports' }).click();
  await page.waitForURL(/queues\/reports$/);
  await picture('Throughput').getByRole('img', { name: /Throughput, last 24h:.* completed at most \d/ }).waitFor();
  assert.ok((await sum('Throughput', 'completed')) >= 3);
  await page.getByRole('link', { name: '7d', exact: true }).click();
  await page.locator('a[aria-current]', { hasText: '7d' }).waitFor();
  assert.match(await picture('Throughput').locator('svg').first().getAttribute('aria-label'), /last 7d/);

  await go(page, 'kinds');
  await page.locator('section.card', { has: page.getByRole('link', { name: 'report', exact: true }) }).getByRole('link', { name: 'report', exact: true }).click();
  await page.waitForURL(/kinds\/report$/);
  await picture('Attempts by how long they ran').getByRole('img', { name: /Attempts by how long they ran, last 24h: \d+ attempts from/ }).waitFor();
  assert.ok(await sum('Attempts by how long they ran', 'Attempts') >= 3);
  await accessible(['queues/reports', 'kinds/report'], scene.operator);
});

story('a dead letter gets other args, and completes', {}, async (page) => {
  const id = scene.enqueue('mail', { to: 'a@example.org' });
  await scene.untilIn(id, 'dead');
  await signIn(page, scene.admin);
  await go(page, `jobs/${id}`);
  await act(page, 'Edit and revive', { args: '{"to": "good@example.org"}', reason: 'typo' });
  await scene.untilIn(id, 'completed');
});

story('jobs are found by what is in their args, ticked, counted, and cancelled with a reason', {}, async (page) => {
  const ids = [1, 2, 3].map((n) => scene.enqueue('report', { invoice: `X-${n}` }, '--run-in', '1h'));
  await signIn(page, scene.operator);
  await go(page, 'jobs');
  await page.fill('.filter [name=with_args]', 'x-');
  await page.click('.filter button');
  assert.equal(await page.locator('tbody tr').count(), 3);
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.locator(`input[name=id][value="${ids[0]}"]`).click({ modifiers: ['Shift'] });
  await page.getByText('3 ticked').waitFor();
  await page.locator(`input[name=id][value="${ids[1]}"]`).uncheck();
  await page.getByText('2 ticked').waitFor();
  // What is ticked stays so, whatever happens meanwhile.
  const before = await page.locator('main').innerText();
  scene.run('queues', 'pause', 'nobody');
  await sleep(3000);
  assert.equal(await page.locator('main').innerText(), before);
  await page.getByRole('button', { name: 'Cancel …' }).click();
  assert.match(await page.locator('h1').innerText(), /Cancel 2 jobs/);
  await page.fill('[name=reason]', 'ordered twice');
  await Promise.all([page.waitForURL(/with_args=x-&.*did=cancel\.2\.0/), page.locator('main form button').click()]);
  assert.match(await page.locator('.notice').innerText(), /^2 jobs cancelled/);
  assert.deepEqual(ids.map((id) => scene.state(id)), ['cancelled', 'scheduled', 'cancelled']);
  await accessible(['jobs?with_args=x-', `bulk/cancel?id=${ids[1]}`], scene.operator);
});

story('what was put aside by mistake is found and comes back', {}, async (page) => {
  const id = scene.enqueue('mail', { aside: 'yes' });
  await scene.untilIn(id, 'dead');
  await signIn(page, scene.operator);
  await go(page, `jobs/${id}`);
  await act(page, 'Discard', { reason: 'thought it was old' });
  await go(page, 'dead');
  await page.getByRole('link', { name: 'Discarded' }).click();
  assert.match(await page.locator('tbody').innerText(), /operator/);
  await accessible('dead/discarded');
  await page.locator(`input[name=id][value="${id}"]`).check();
  await page.getByRole('button', { name: 'Restore …' }).click();
  await page.fill('[name=reason]', 'it was not');
  await Promise.all([page.waitForURL(/did=restore/), page.locator('main form button').click()]);
  await page.getByText('Nothing is put aside').waitFor();
});

story('a group of dead letters is taken in hand, counted, and revived slowly', {}, async (page) => {
  const ids = [1, 2, 3].map((n) => scene.enqueue('mail', { n }));
  for (const id of ids) await scene.untilIn(id, 'dead');
  await signIn(page, scene.operator);
  await go(page, 'dead');
  await page.getByText('550 mailbox unknown').first().click();
  await page.waitForURL(/dead\/\w+$/);
  const group = new URL(page.url()).pathname.slice(1);
  await act(page, 'Acknowledge', { note: 'we look', reason: 'mine' });
  assert.match(await page.locator('main').innerText(), /we look/);
  await page.click('text=Revive all');
  assert.match(await page.locator('main').innerText(), /\d+/);
  await page.fill('[name=reason]', 'provider mended');
  await Promise.all([page.waitForURL(/replays/), page.locator('main form button').click()]);
  assert.match(await page.locator('main').innerText(), /provider mended/);
  await accessible('replays');
  await accessible(group, scene.operator);
});

story('what was typed wrong is said with its code, and nothing has happened', {}, async (page) => {
  await signIn(page, scene.operator);
  await go(page, 'queues');
  await page.locator('details.act > summary', { hasText: 'Pause' }).first().click();
  const form = page.locator('details.act[open] form').first();
  await form.locator('[name=for_in]').fill('soon');
  await form.locator('button').click();
  await page.getByText(/BS\d{3}/).first().waitFor();
  await page.getByText('Nothing was changed').waitFor();
});

story('a page renews itself when something happens', {}, async (page) => {
  await go(page, 'dead');
  const before = await page.locator('main').innerText();
  const id = scene.enqueue('mail', { again: true });
  await scene.untilIn(id, 'dead');
  await page.waitForFunction((text) => document.querySelector('main').innerText !== text, before, { timeout: 20_000 });
});

story('a page that renews itself leaves whoever walks through it by keyboard where they are', {}, async (page) => {
  await go(page, 'queues');
  const second = page.locator('details.act > summary', { hasText: 'Pause' }).nth(1);
  await second.focus();
  await page.evaluate(() => { document.querySelector('main').firstElementChild.dataset.old = ''; });
  await page.keyboard.press('r');
  await page.waitForFunction(() => document.querySelector('main [data-old]') === null);
  assert.ok(await second.evaluate((element) => element === document.activeElement));
});

story('everything goes by keyboard: to the jobs, down the list, into one', {}, async (page) => {
  scene.enqueue('report', { key: 1 });
  scene.enqueue('report', { key: 2 });
  await go(page, '');
  await page.keyboard.press('g');
  await page.keyboard.press('j');
  await page.waitForURL(/jobs$/);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/jobs\/\d+$/);
});

story('without JavaScript everything can be read, filtered and done', { javaScriptEnabled: false }, async (page) => {
  const id = scene.enqueue('report', { late: true }, '--run-in', '1h');
  await signIn(page, scene.operator);
  await go(page, 'jobs');
  await page.fill('.filter [name=kind]', 'report');
  await page.click('.filter button');
  await page.getByRole('link', { name: id, exact: true }).first().click();
  await act(page, 'Promote', { reason: 'now' });
  await scene.untilIn(id, 'completed');
  const late = scene.enqueue('report', { later: true }, '--run-in', '1h');
  await go(page, 'jobs?state=scheduled');
  await page.locator(`input[name=id][value="${late}"]`).check();
  await page.getByRole('button', { name: 'Promote …' }).click();
  await page.fill('[name=reason]', 'now, too');
  await Promise.all([page.waitForURL(/did=promote/), page.locator('main form button').click()]);
  await scene.untilIn(late, 'completed');
});

story('on a telephone nothing runs out of the page', { viewport: { width: 320, height: 640 } }, async (page) => {
  const id = scene.enqueue('report', { long: 'x'.repeat(400) });
  await scene.untilIn(id, 'completed');
  await signIn(page, scene.admin);
  const group = JSON.parse(scene.run('dead', 'list', '--json')).items[0].fingerprint;
  for (const path of ['', 'jobs', `jobs/${id}`, 'dead', `dead/${group}`, 'dead/discarded', `bulk/cancel?id=${id}`, 'queues', 'queues/reports', 'workers', 'kinds',
    'kinds/report', 'cron', 'cron/figures', 'alerts', 'replays', 'audit', 'login']) await fits(page, path);
});

story('every page pleases axe, in light and in dark', {}, async () => {
  await accessible(['', 'jobs', 'queues', 'kinds', 'workers', 'audit'], scene.admin);
  await accessible('login');
});
