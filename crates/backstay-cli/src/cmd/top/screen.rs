//! Draws the view of `top`: a line about the whole, queues, workers, running jobs, and what can be pressed.
//!
//! Colours are the terminal's own, and only where something is wrong: it reads the same on light and on dark.

use std::time::Instant;

use backstay::inspect::{QueueStatus, RunningJob, WorkerStatus};
use backstay::unit::about;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::keys::HELP;
use super::picture::Sort;
use super::table;
use super::view::{Focus, View};
use crate::print::visible;

/// From this width on a row also names its worker and how it is isolated.
const WIDE: u16 = 110;
/// Columns of the bar beside a job's memory, on a wide screen and on others.
const BAR: (u16, u16) = (10, 5);
/// Lines that the table of jobs keeps, whatever stands above it.
const JOBS: u16 = 6;

pub(super) fn draw(frame: &mut Frame<'_>, view: &View, now: Instant) {
    let area = frame.area();
    let spare = area.height.saturating_sub(JOBS + 3);
    let lines = |n: usize, most: u16| u16::try_from(n).unwrap_or(most).clamp(1, most.max(1));
    let queues = lines(view.picture.queues.len(), spare / 2);
    let workers = lines(view.picture.workers.len(), spare.saturating_sub(queues) / 2);
    let [head, queue_area, worker_area, _, jobs, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(queues),
        Constraint::Length(workers),
        Constraint::Length(1),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(head_line(view, now)), head);
    draw_queues(frame, view, queue_area);
    draw_workers(frame, view, worker_area);
    draw_jobs(frame, view, jobs);
    frame.render_widget(Paragraph::new(foot_line(view)), foot);
}

fn head_line(view: &View, now: Instant) -> Line<'static> {
    let (busy, slots) = view.picture.slots();
    let jobs = view.picture.jobs.len();
    let mut spans = vec![
        Span::styled("backstay top", strong()),
        Span::raw(format!(
            "  {jobs} running  slots {busy} of {slots}  memory {}  by {}",
            mib(view.picture.memory()),
            view.sort.word()
        )),
    ];
    if let Some(line) = table::braked(&view.picture) {
        spans.push(Span::styled(format!("  {}", visible(&line)), bad()));
    }
    match view.late(now) {
        None => spans.push(Span::styled(format!("  every {} s", view.interval.as_secs()), faint())),
        Some(age) => {
            let why = view.trouble.as_deref().map(visible).unwrap_or_default();
            let text = format!("  no answer, this is {} old  {why}", about(age));
            spans.push(Span::styled(text, bad()));
        }
    }
    Line::from(spans)
}

fn draw_queues(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let queues = &view.picture.queues;
    if queues.is_empty() {
        return frame.render_widget(Paragraph::new("queues   none yet"), area);
    }
    let has_focus = view.focus == Focus::Queues;
    let at = view.at_queue().filter(|_| has_focus);
    let shown = usize::from(area.height);
    let from = at.map_or(0, |at| (at + 1).saturating_sub(shown));
    let width = queues.iter().map(|queue| queue.name.chars().count()).max().unwrap_or(0).min(24);
    let line = |(n, queue): (usize, &QueueStatus)| {
        let line = queue_line(queue, width);
        if at == Some(n) { line.style(bar()) } else { line }
    };
    let lines: Vec<Line<'_>> = queues.iter().enumerate().skip(from).take(shown).map(line).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn queue_line(queue: &QueueStatus, width: usize) -> Line<'static> {
    let name = visible(&queue.name);
    let mut text = format!("queue {name:width$}  {:>5} waiting", queue.ready.to_string());
    if let Some(oldest) = queue.oldest_ready_at {
        text += &format!(", oldest {}", about(oldest.age(std::time::SystemTime::now())));
    }
    text += &format!("  {} running  {} scheduled", queue.running, queue.scheduled);
    let mut spans = vec![Span::raw(text)];
    if queue.dead.count > 0 {
        spans.push(Span::styled(format!("  {} dead", queue.dead), bad()));
    }
    if queue.paused.is_some() {
        spans.push(Span::styled("  paused", strong()));
    } else if queue.workers == 0 {
        spans.push(Span::styled("  no worker", bad()));
    }
    Line::from(spans)
}

fn draw_workers(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let workers = &view.picture.workers;
    if workers.is_empty() {
        let none = Span::styled("no worker lives; start one: backstay work", bad());
        return frame.render_widget(Paragraph::new(none), area);
    }
    let shown = usize::from(area.height);
    let mut lines: Vec<Line<'_>> =
        workers.iter().take(shown).map(|worker| worker_line(view, worker)).collect();
    if workers.len() > shown {
        let rest = workers.len() + 1 - shown;
        lines.pop();
        lines.push(Line::styled(format!("and {rest} more workers"), faint()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn worker_line(view: &View, worker: &WorkerStatus) -> Line<'static> {
    let own = view.picture.jobs.iter().filter(|job| job.worker == worker.id);
    let memory: u64 = own.filter_map(|job| job.memory_bytes).sum();
    let id = worker.id.get(..8).unwrap_or(&worker.id);
    let text = format!(
        "worker {id} on {}  {}  {} of {} busy  memory {}",
        visible(&worker.host),
        worker.level,
        worker.running,
        worker.slots,
        mib(memory)
    );
    let mut spans = vec![Span::raw(text)];
    if worker.state != "live" {
        let style = if worker.state == "draining" { strong() } else { bad() };
        spans.push(Span::styled(format!("  {}", worker.state), style));
    }
    Line::from(spans)
}

fn draw_jobs(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let is_wide = area.width >= WIDE;
    let bar_width = if is_wide { BAR.0 } else { BAR.1 };
    let rows = view.rows();
    let mut widths = vec![
        Constraint::Length(longest(&rows, |job| job.id.len(), 3, 12)),
        Constraint::Length(longest(&rows, |job| job.kind.chars().count(), 4, 20)),
        Constraint::Length(longest(&rows, |job| job.queue.chars().count(), 5, 16)),
        Constraint::Length(3),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(bar_width + 1 + longest(&rows, |job| table::memory(job).len(), 6, 20)),
    ];
    let mut headings = vec!["JOB", "KIND", "QUEUE", "TRY", "AGE", "CPU", "MEMORY"];
    if is_wide {
        widths.extend([Constraint::Length(18), Constraint::Length(8)]);
        headings.extend(["WORKER", "LEVEL"]);
    }
    widths.push(Constraint::Min(4));
    headings.push("NOTE");
    let marked = headings.into_iter().map(|heading| mark_sort(heading, view.sort));
    let shown: Vec<Row<'_>> = rows.iter().map(|job| row(view, job, is_wide)).collect();
    if shown.is_empty() {
        return frame.render_widget(Paragraph::new("nothing runs"), area);
    }
    let jobs = Table::new(shown, widths)
        .header(Row::new(marked).style(faint()))
        .column_spacing(2)
        .row_highlight_style(bar());
    let at = view.at_job().filter(|_| view.focus == Focus::Jobs);
    frame.render_stateful_widget(jobs, area, &mut TableState::default().with_selected(at));
}

fn longest(rows: &[&RunningJob], of: fn(&RunningJob) -> usize, least: usize, most: usize) -> u16 {
    let width = rows.iter().map(|job| of(job)).max().unwrap_or(0).clamp(least, most);
    u16::try_from(width).expect("at most 20")
}

fn mark_sort(heading: &'static str, sort: Sort) -> Span<'static> {
    let is_sorted =
        matches!((heading, sort), ("MEMORY", Sort::Mem) | ("CPU", Sort::Cpu) | ("AGE", Sort::Age));
    if is_sorted { Span::styled(heading, strong()) } else { Span::raw(heading) }
}

fn row(view: &View, job: &RunningJob, is_wide: bool) -> Row<'static> {
    let width = if is_wide { BAR.0 } else { BAR.1 };
    let mut cells = vec![
        Span::raw(job.id.clone()),
        Span::raw(visible(&job.kind)),
        Span::raw(visible(&job.queue)),
        Span::raw(job.attempt.to_string()),
        Span::raw(table::age(job)),
        Span::raw(table::cpu(&view.picture, job)),
        Span::styled(format!("{} {}", use_bar(job, width), table::memory(job)), tightness(job)),
    ];
    if is_wide {
        let id = job.worker.get(..8).unwrap_or(&job.worker);
        let place = match &job.host {
            Some(host) => format!("{id} {}", visible(host)),
            None => id.to_owned(),
        };
        cells.push(Span::raw(place));
        cells.push(Span::raw(job.level.clone().unwrap_or_default()));
    }
    let note = Span::raw(visible(&table::note(job)));
    cells.push(if job.cancelling { note.style(strong()) } else { note });
    Row::new(cells)
}

/// How much of its memory a job uses, as a bar; empty where that is not known.
fn use_bar(job: &RunningJob, width: u16) -> String {
    let width = usize::from(width);
    let (Some(used), Some(limit)) = (job.memory_bytes, job.memory_limit_bytes) else {
        return " ".repeat(width);
    };
    let part = used as f64 / limit.max(1) as f64;
    let filled = ((part * width as f64).round() as usize).min(width);
    "\u{2588}".repeat(filled) + &"\u{2591}".repeat(width - filled)
}

/// How near a job is to its limit: bold from three quarters on, red from nine tenths on.
fn tightness(job: &RunningJob) -> Style {
    let (Some(used), Some(limit)) = (job.memory_bytes, job.memory_limit_bytes) else {
        return Style::default();
    };
    let used = used.saturating_mul(100);
    if used >= limit.saturating_mul(90) {
        bad()
    } else if used >= limit.saturating_mul(75) {
        strong()
    } else {
        Style::default()
    }
}

fn foot_line(view: &View) -> Line<'static> {
    if let Some(deed) = &view.asked {
        return Line::styled(visible(&deed.question()), strong());
    }
    match &view.said {
        Some(said) => Line::styled(visible(said), strong()),
        None => Line::styled(HELP, faint()),
    }
}

fn mib(bytes: u64) -> String {
    let mib = bytes / (1024 * 1024);
    if mib < 10_000 { format!("{mib} MiB") } else { format!("{:.1} GiB", mib as f64 / 1024.0) }
}

fn strong() -> Style {
    Style::default().add_modifier(Modifier::BOLD)
}

fn faint() -> Style {
    Style::default().add_modifier(Modifier::DIM)
}

fn bad() -> Style {
    Style::default().fg(Color::Red).add_modifier(Modifier::BOLD)
}

fn bar() -> Style {
    Style::default().add_modifier(Modifier::REVERSED)
}

#[cfg(test)]
mod tests;
