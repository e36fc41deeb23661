// What stories are played on: a database that was just made, a worker with settings, and the server of the dashboard.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';

const { BACKSTAY, DATABASE_URL } = process.env;

export class Scene {
  /** A worker for each of `queues`. */
  constructor(settings, ...queues) {
    this.settings = settings;
    this.queues = queues;
  }

  async start() {
    this.folder = mkdtempSync(join(tmpdir(), 'backstay-e2e-'));
    writeFileSync(join(this.folder, 'backstay.toml'), `[database]\nurl = "${DATABASE_URL}"\n${this.settings}`);
    // For what no door does: to let time have passed.
    this.sql = postgres(DATABASE_URL, { max: 1, onnotice: () => {} });
    this.workers = this.queues.map((queues) => this.#start(['work', '--queues', queues]));
    this.server = this.#start(['serve', '--listen', '127.0.0.1:0']);
    this.base = await this.#address();
    this.operator = this.#token('operator', 'operate');
    // Who did what is for auditors, so an administrator who may read it has two scopes.
    this.admin = this.#token('admin', 'admin,audit');
    const live = () => JSON.parse(this.run('workers', 'list', '--json')).items.length;
    await this.until('the workers are there', () => live() === this.workers.length);
  }

  async stop() {
    await this.sql?.end();
    for (const worker of this.workers ?? []) worker.kill('SIGKILL');
    this.server?.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  run(...args) {
    return execFileSync(BACKSTAY, args, { cwd: this.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Asks the API, as whoever has the token. */
  async ask(token, method, path, body) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(new URL(`api/v1/${path}`, this.base), { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  enqueue(kind, args = {}, ...options) {
    return JSON.parse(this.run('enqueue', kind, JSON.stringify(args), '--json', ...options)).id;
  }

  state(id) {
    return JSON.parse(this.run('jobs', 'show', id, '--json')).state;
  }

  async until(what, isSo) {
    const end = Date.now() + 30_000;
    while (!await isSo()) {
      if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
      await sleep(100);
    }
  }

  async untilIn(id, state) {
    await this.until(`job ${id} is ${state}`, () => this.state(id) === state);
  }

  #start(args) {
    const child = spawn(BACKSTAY, args, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    child.said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => { child.said += text; });
    return child;
  }

  async #address() {
    await this.until('the server listens', () => /http:\/\/[^/]+\//.test(this.server.said) || this.server.exitCode !== null);
    const found = this.server.said.match(/http:\/\/[^/]+\//);
    if (!found) throw new Error(`the server ended: ${this.server.said}`);
    return found[0];
  }

  #token(name, scopes) {
    return JSON.parse(this.run('tokens', 'create', '--name', name, '--scope', scopes, '--json')).token;
  }
}
