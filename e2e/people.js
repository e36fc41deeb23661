// People at a browser: what they do on pages, what went wrong there, and whether everybody can read them.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Where pictures are to be written; nowhere where nobody asked for them. */
export const PICTURES = process.env.E2E_PICTURES;

let scene;
let browser;

/** What the stories of a file are played on. */
export function on(given) {
  scene = given;
  before(async () => {
    await scene.start();
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
  });
  after(async () => {
    await browser?.close();
    await scene.stop();
  });
}

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

export async function go(page, path) {
  const answer = await page.goto(new URL(path, scene.base).href);
  assert.equal(answer.status(), 200, `${path}: ${answer.status()} ${answer.ok() ? '' : await page.locator('main').innerText()}`);
}

export async function signIn(page, token) {
  await go(page, 'login');
  await page.fill('[name=token]', token);
  await page.click('button:has-text("Sign in")');
  await page.waitForURL((url) => !url.pathname.endsWith('/login'));
}

/** Opens a form of the page, fills it in, and sends it. */
export async function act(page, name, fields = {}) {
  await page.locator('details.act > summary', { hasText: new RegExp(`^${name}$`) }).first().click();
  const form = page.locator('details.act[open] form').first();
  for (const [field, value] of Object.entries(fields)) await form.locator(`[name=${field}]`).fill(value);
  await Promise.all([page.waitForURL(/did=/), form.locator('button').click()]);
}

/** Nothing serious in the eyes of axe, in light and in dark, with all that can be opened open. */
export async function accessible(paths, token) {
  for (const colorScheme of ['light', 'dark']) {
    const { page, context } = await person({ colorScheme, bypassCSP: true });
    if (token) await signIn(page, token);
    for (const path of [paths].flat()) {
      await go(page, path);
      await page.evaluate(() => { for (const details of document.querySelectorAll('details')) details.open = true; });
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
      const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
      assert.deepEqual(serious.map((one) => `${colorScheme} ${path}: ${one.id} ${one.nodes[0].html}`), []);
    }
    await context.close();
  }
}

/** That a page of this width need not be pushed from side to side; what is wide in it has a bar of its own. */
export async function fits(page, path) {
  await go(page, path);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 1, `${path} is ${over} pixels too wide`);
}

/** Takes a picture of each of `paths` in light and one in dark. */
export async function pictures(paths, token) {
  mkdirSync(PICTURES, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    const { page, context } = await person({ colorScheme, viewport: { width: 1180, height: 800 } });
    await signIn(page, token);
    for (const [name, path] of Object.entries(paths)) {
      await go(page, path);
      // Until the stream of events is there, so that each picture says `live`.
      await page.waitForFunction(() => document.querySelector('.live:not([hidden], .off)'));
      await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}.png`) });
    }
    await context.close();
  }
}

/** A story: a person, what they do, and a console without complaints in the end. */
export function story(name, options, live) {
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
