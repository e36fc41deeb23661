// What people live with the dashboard, in Debian's Chromium. Each page that a story passes is looked at by axe, in light and in
// dark; whatever breaks the content security policy, and whatever a page says on its console, fails the story.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

import { Scene } from './scene.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PICTURES = process.env.E2E_PICTURES;
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let scene;
let browser;
before(async () => {
  scene = new Scene();
  await scene.start();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
});
after(async () => {
  await browser?.close();
  scene?.stop();
});

/** A person at a browser, and what went wrong on the pages that they saw. */
async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const wrong = [];
  page.on('console', (message) => { if (message.type() === 'error' && !/^Failed to load resource: the server responded with a status of 4/.test(message.text())) wrong.push(message.text()); });
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('dialog', (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  return { page, context, wrong };
}

async function go(page, path) {
  const answer = await page.goto(new URL(path, scene.base).href);
  assert.equal(answer.status(), 200, `${path}: ${answer.status()}`);
}

async function signIn(page, token) {
  await go(page, 'login');
  await page.fill('[name=token]', token);
  await page.click('button:has-text("Sign in")');
  await page.waitForURL((url) => !url.pathname.endsWith('/login'));
}

/** Opens a form of the page, fills it in, and sends it. */
async function act(page, name, fields = {}) {
  await page.locator('details.act > summary', { hasText: new RegExp(`^${name}$`) }).first().click();
  const form = page.locator('details.act[open] form').first();
  for (const [field, value] of Object.entries(fields)) await form.locator(`[name=${field}]`).fill(value);
  await Promise.all([page.waitForURL(/did=/), form.locator('button').click()]);
}

/** Nothing serious in the eyes of axe, in light and in dark. */
async function accessible(path) {
  for (const colorScheme of ['light', 'dark']) {
    const { page, context } = await person({ colorScheme, bypassCSP: true });
    await go(page, path);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run());
    const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
    assert.deepEqual(serious.map((one) => `${colorScheme} ${path}: ${one.id} ${one.nodes[0].html}`), []);
    await context.close();
  }
}

async function picture(name, path, token) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    const { page, context } = await person({ colorScheme });
    if (token) await signIn(page, token);
    await go(page, path);
    await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}.png`) });
    await context.close();
  }
}

/** A story: a person, what they do, and a console without complaints in the end. */
function story(name, options, live) {
  test(name, { timeout: 120_000 }, async () => {
    const { page, context, wrong } = await person(options);
    try {
      await live(page);
    } catch (error) {
      if (PICTURES) await page.screenshot({ path: join(PICTURES, 'failed.png'), fullPage: true }).catch(() => {});
      throw error;
    }
    assert.deepEqual(wrong, []);
    await context.close();
  });
}

story('before there is any job, every page says what to do', {}, async (page) => {
  for (const path of ['', 'jobs', 'dead', 'dead/discarded', 'queues', 'kinds', 'workers', 'alerts', 'replays']) {
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
  await accessible('dead');
  await accessible('');
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
  await scene.until('the worker has told its channels', () => JSON.parse(scene.run('workers', 'list', '--json')).items.length > 0);
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
  await accessible('alerts');
  await picture('alerts', 'alerts', scene.operator);
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
  await accessible('jobs?with_args=x-');
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
  await act(page, 'Acknowledge', { note: 'we look', reason: 'mine' });
  assert.match(await page.locator('main').innerText(), /we look/);
  await page.click('text=Revive all');
  assert.match(await page.locator('main').innerText(), /\d+/);
  await page.fill('[name=reason]', 'provider mended');
  await Promise.all([page.waitForURL(/replays/), page.locator('main form button').click()]);
  assert.match(await page.locator('main').innerText(), /provider mended/);
  await accessible('replays');
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
  for (const path of ['', 'jobs', `jobs/${id}`, 'dead', 'dead/discarded', `bulk/cancel?id=${id}`, 'queues', 'workers', 'kinds', 'alerts', 'audit']) {
    await go(page, path);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(over <= 1, `${path} is ${over} pixels too wide`);
  }
});

story('every page pleases axe, in light and in dark', {}, async () => {
  for (const path of ['jobs', 'queues', 'kinds', 'workers', 'alerts', 'login']) await accessible(path);
});

test('pictures for the documentation', { skip: !PICTURES }, async () => {
  await picture('overview', '', scene.operator);
  await picture('dead', 'dead', scene.operator);
});
