// A shop as somebody on call finds it in the morning: some work runs, some waits, a little is dead, and a day of figures lies behind it.
import { fileURLToPath } from 'node:url';

import { Scene } from './scene.js';

const JOBS = fileURLToPath(new URL('shop-jobs.js', import.meta.url));
const serve = `serve = [${JSON.stringify(process.execPath)}, ${JSON.stringify(JOBS)}]`;

const SETTINGS = `
[worker]
memory_budget = "2GiB"
[queues.mail]
${serve}
slots = 4
start_within = "30s"
[queues.images]
${serve}
slots = 2
[queues.exports]
${serve}
slots = 2
memory = "192MiB"
cpu_time = "10m"
start_within = "5m"
[queues.reports]
${serve}
slots = 1
memory = "256MiB"
start_within = "10m"
[queues.stock]
${serve}
slots = 1
[kinds.send_receipt]
queue = "mail"
priority = "high"
[kinds.remind_cart]
queue = "mail"
priority = "low"
[kinds.resize_photo]
queue = "images"
crash_limit = 1
[kinds.export_orders]
queue = "exports"
backoff = { first = "1s" }
[kinds.monthly_report]
queue = "reports"
[kinds.close_day]
queue = "reports"
[kinds.sync_stock]
queue = "stock"
max_retries = 1
backoff = { first = "1s" }
[cron.close_day]
schedule = "15 0 * * *"
zone = "Europe/Lisbon"
kind = "close_day"
args = { day = "yesterday" }
[cron.monthly_report]
schedule = "0 6 1 * *"
zone = "Europe/Lisbon"
kind = "monthly_report"
args = { month = "last" }
missed = "all"
[cron.remind_carts]
schedule = "0 10 * * mon-fri"
zone = "Europe/Lisbon"
kind = "remind_cart"
[cron.sync_stock]
schedule = "*/30 * * * *"
kind = "sync_stock"
args = { warehouse = "north" }
missed = "skip"
[alerts.channels]
team = { command = ["sh", "-c", "cat > /dev/null"] }
pager = { command = ["sh", "-c", "echo 'the pager answers: 402, no credit' >&2; exit 1"] }
[[alerts.routes]]
rules = ["first", "again", "burst"]
steps = [{ after = "0s", to = ["team"] }, { after = "30m", to = ["pager"] }]
[[alerts.routes]]
to = ["team"]
`;

export class Shop extends Scene {
  constructor() {
    super(SETTINGS, 'mail,images', 'exports,reports,stock');
  }

  async start() {
    await super.start();
    await this.sql`update backstay.worker set host = 'jobs-' || n from (select id, row_number() over (order by queues) as n from backstay.worker) w where w.id = worker.id`;
    await this.#day();
    await this.#work();
    await this.#people();
  }

  /** What was counted in the last day, by five minutes and by minute, and jobs that ended in its last hours. */
  async #day() {
    await this.sql`
      insert into backstay.figure
      select s.step, t.at, k.queue, k.kind, '00000000-0000-0000-0000-000000000000', n, n - bad, 0, bad / 4, bad, 0, 0, n * k.wait, n * k.run, n * k.run / 3,
             array_fill(0, array[k.wait_bin]) || array[n - n / 2 - n / 4 - n / 12, n / 2, n / 4, n / 12],
             array_fill(0, array[k.run_bin]) || array[n - n / 2 - n / 4 - n / 9 - n / 30, n / 2, n / 4, n / 9, n / 30],
             array_fill(0, array[k.peak_bin]) || array[n - n / 2 - n / 4 - n / 12, n / 2, n / 4, n / 12]
        from (values (1, 60), (5, 288)) s(step, points)
       cross join (values ('mail', 'send_receipt', 6.0, 12, 180, 5, 12, 8), ('mail', 'remind_cart', 1.5, 900, 150, 16, 12, 8),
                          ('images', 'resize_photo', 3.0, 400, 900, 13, 16, 11), ('exports', 'export_orders', 1.4, 4000, 40000, 19, 25, 12),
                          ('reports', 'close_day', 0.6, 2000, 9000, 18, 22, 10), ('stock', 'sync_stock', 0.8, 300, 2500, 12, 18, 9))
                  k(queue, kind, rate, wait, run, wait_bin, run_bin, peak_bin)
       cross join lateral generate_series(1, s.points) g
       cross join lateral (select date_bin(s.step * interval '1 min', now(), '2000-01-01') - g * s.step * interval '1 min' as at) t
       cross join lateral (select 0.55 - 0.45 * cos(extract(epoch from t.at) / 86400 * 2 * pi()) as sun, 0.5 + 0.25 * sin(extract(epoch from t.at) / 2900) + 0.24 * (mod(abs(hashtext(k.kind || t.at)), 100) / 50.0 - 1) as luck) w
       cross join lateral (select ceil(s.step * k.rate * w.sun * (0.7 + 0.6 * w.luck))::bigint as n) x
       cross join lateral (select case when mod(abs(hashtext(k.queue || t.at)), 100) > 88 then ceil(n * 0.08)::bigint else 0 end as bad) y`;
    await this.sql`
      insert into backstay.depth
      select s.step, t.at, k.queue, round(n * w.luck), k.later, 0, round(k.slots * (0.3 + 0.6 * w.luck)), 0, round(k.lag * w.luck * w.luck)::bigint, array_fill(0, array[10]), now()
        from (values (1, 60), (5, 288)) s(step, points)
       cross join (values ('mail', 40.0, 12, 4, 9000), ('images', 18.0, 0, 2, 30000), ('exports', 5.0, 3, 2, 150000), ('reports', 1.0, 1, 1, 60000), ('stock', 1.0, 0, 1, 5000))
                  k(queue, many, later, slots, lag)
       cross join lateral generate_series(1, s.points) g
       cross join lateral (select date_bin(s.step * interval '1 min', now(), '2000-01-01') - g * s.step * interval '1 min' as at) t
       cross join lateral (select 0.5 + 0.25 * sin(extract(epoch from t.at) / 3700) + 0.24 * (mod(abs(hashtext(k.queue || t.at)), 100) / 50.0 - 1) as luck) w
       cross join lateral (select k.many * (0.55 - 0.45 * cos(extract(epoch from t.at) / 86400 * 2 * pi())) as n) x`;
    await this.sql`
      insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, attempt, retry_count, crash_count, lost_count,
                                    snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
      select nextval('backstay.entry_seq'), at, at, at + interval '12 ms', at + interval '1 s', 180 + mod(n * 37, 400), 1, 0, 0, 0, 0, 0, 0, 10, case when q = 'mail' then 3 else 5 end,
             'completed', q, k, 'shop'
        from generate_series(1, 400) n
       cross join lateral (select now() - (401 - n) * interval '11 s' as at,
                                  (array['mail', 'mail', 'mail', 'images', 'images', 'mail'])[1 + mod(n * 7, 6)] as q,
                                  (array['send_receipt', 'send_receipt', 'send_receipt', 'resize_photo', 'resize_photo', 'remind_cart'])[1 + mod(n * 7, 6)] as k) x`;
  }

  /** What runs, waits and dies for real. */
  async #work() {
    for (const [order, to] of [[10_231, 'gone@example.org'], [10_244, 'gone.too@example.org'], [10_260, 'gone@example.com'], [10_262, 'gone@example.net']]) {
      this.enqueue('send_receipt', { order, to });
    }
    this.enqueue('resize_photo', { photo: 'p/8841/front.tiff', width: 4_000 });
    for (const warehouse of ['north', 'south']) this.enqueue('sync_stock', { warehouse });
    this.export = this.enqueue('export_orders', { year: 2025, months: 12, format: 'csv' }, '--group', 'accounting', '--tags', 'yearly');
    const dead = () => this.sql`select from backstay.dead_letter`;
    await this.until('seven are dead', async () => (await dead()).length === 7);
    await this.until('they are in groups', async () => (await this.sql`select from backstay.dead_group`).length >= 3);
    await this.untilIn(this.export, 'completed');
    // As if it had not been just now.
    await this.sql`update backstay.dead_letter set enqueued_at = enqueued_at - id % 7 * interval '9 min', died_at = died_at - id % 7 * interval '9 min'`;
    await this.sql`
      update backstay.dead_group g set first_at = d.first, last_at = d.last
        from (select fingerprint, min(died_at) as first, max(died_at) as last from backstay.dead_letter group by 1) d where d.fingerprint = g.fingerprint`;

    const busy = [this.enqueue('monthly_report', { month: '2026-11' }), this.enqueue('export_orders', { year: 2026, months: 7 }, '--group', 'accounting')];
    for (const id of busy) await this.untilIn(id, 'running');
    const large = () => this.sql`select from backstay.worker, jsonb_array_elements(samples) s where (s ->> 'rss')::bigint > 0.8 * (s ->> 'limit')::bigint`;
    await this.until('its worker has told how large the report is', async () => (await large()).length > 0);
    for (const cart of [88_120, 88_121, 88_377, 88_402]) this.enqueue('remind_cart', { cart }, '--run-in', `${(cart % 7) + 2}h`);
    this.enqueue('close_day', { day: '2026-11-30' });
  }

  /** What people have done. */
  async #people() {
    const groups = JSON.parse(this.run('dead', 'list', '--json')).items;
    const of = (kind) => groups.find((group) => group.kind === kind).fingerprint;
    this.group = of('send_receipt');
    const admin = (path, body) => this.ask(this.admin, 'POST', path, body);
    await admin(`dead/groups/${of('sync_stock')}/acknowledge`, { note: 'they are back at noon', reason: 'mine' });
    await admin('queues/stock/pause', { for_in: '4h', reason: 'the warehouse is down until noon' });
    for (const warehouse of ['north', 'south', 'port']) this.enqueue('sync_stock', { warehouse });
    await admin('cron/remind_carts/pause', { reason: 'the new letter is not ready' });
    await admin('alerts/channels/pager/test', { reason: 'was it paid?' });
    await this.sql`
      insert into backstay.tick (schedule, tick_at, decided_at, outcome, cause, note)
      select 'sync_stock', date_bin('30 min', now(), '2000-01-01') - n * interval '30 min', now() - n * interval '30 min',
             case when n in (5, 6, 7) then 'missed' when n = 2 then 'skipped' else 'enqueued' end, 'tick',
             case when n in (5, 6, 7) then 'nobody ran it in time' when n = 2 then 'the job of an earlier tick has not ended' end
        from generate_series(0, 11) n`;
    await this.sql`update backstay.schedule set last_at = date_bin('30 min', now(), '2000-01-01') where name = 'sync_stock'`;
  }
}
