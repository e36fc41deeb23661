// What the stories are played on: a database that was just made, a worker, and the server of the dashboard.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { BACKSTAY, DATABASE_URL } = process.env;

// `hold` runs until it is cancelled; `mail` fails unless its args say `good`, and what it says then is markup.
const SETTINGS = `
[database]
url = "${DATABASE_URL}"
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
[alerts.channels]
pager = { command = ["sh", "-c", "echo the pager is off >&2; exit 1"] }
team = { command = ["sh", "-c", "cat > /dev/null"] }
[[alerts.routes]]
to = ["log"]
`;

export class Scene {
  async start() {
    this.folder = mkdtempSync(join(tmpdir(), 'backstay-e2e-'));
    writeFileSync(join(this.folder, 'backstay.toml'), SETTINGS);
    this.worker = this.#start(['work', '--queues', 'reports,mail']);
    this.server = this.#start(['serve', '--listen', '127.0.0.1:0']);
    this.base = await this.#address();
    this.operator = this.#token('operator', 'operate');
    // Who did what is for auditors, so an administrator who may read it has two scopes.
    this.admin = this.#token('admin', 'admin,audit');
  }

  stop() {
    this.worker?.kill('SIGKILL');
    this.server?.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  run(...args) {
    return execFileSync(BACKSTAY, args, { cwd: this.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  }

  enqueue(kind, args = {}, ...options) {
    return JSON.parse(this.run('enqueue', kind, JSON.stringify(args), '--json', ...options)).id;
  }

  state(id) {
    return JSON.parse(this.run('jobs', 'show', id, '--json')).state;
  }

  async until(what, isSo) {
    const end = Date.now() + 30_000;
    while (!isSo()) {
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
