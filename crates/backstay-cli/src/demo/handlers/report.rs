//! The sales report of a month: one query by region, one by product, and a page with a chart that needs nothing else.

use std::fmt::Write as _;
use std::path::Path;

use backstay::{Ctx, Fail, State};
use serde::Serialize;
use tokio_postgres::Client;

use super::Shop;
use crate::demo::kinds::Report;

const REGIONS: &str = "
select c.region, count(distinct o.id), count(distinct o.customer_id), sum(l.quantity * l.price_cents)::bigint
  from shop.orders o
  join shop.customers c on c.id = o.customer_id
  join shop.order_lines l on l.order_id = o.id
 where o.ordered_at >= ($1::text || '-01')::date::timestamp at time zone 'UTC'
   and o.ordered_at < (($1::text || '-01')::date + interval '1 month') at time zone 'UTC'
 group by c.region order by c.region";

const PRODUCTS: &str = "
select p.name, sum(l.quantity)::bigint, sum(l.quantity * l.price_cents)::bigint
  from shop.orders o
  join shop.order_lines l on l.order_id = o.id
  join shop.products p on p.id = l.product_id
 where o.ordered_at >= ($1::text || '-01')::date::timestamp at time zone 'UTC'
   and o.ordered_at < (($1::text || '-01')::date + interval '1 month') at time zone 'UTC'
 group by p.id, p.name order by 3 desc, p.id limit 10";

/// What became of a report.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    file: String,
    orders: i64,
    total_cents: i64,
}

/// One line of a table: a name, two counts, money.
struct Row {
    name: String,
    counts: Vec<i64>,
    cents: i64,
}

pub(crate) async fn report(job: Report, ctx: Ctx, State(shop): State<Shop>) -> Result<Done, Fail> {
    if job.month.len() != 7 {
        return Err(Fail::dead("the month must be YYYY-MM"));
    }
    let client = shop.client().await?;
    let regions = rows(&client, REGIONS, &job.month, 2).await?;
    ctx.progress(50.0, "regions");
    let products = rows(&client, PRODUCTS, &job.month, 1).await?;
    let file = format!("report-{}.html", job.month);
    write_whole(&shop.folder.join(&file), &page(&job.month, &regions, &products)).await?;
    let orders = regions.iter().map(|row| row.counts[0]).sum();
    Ok(Done { file, orders, total_cents: regions.iter().map(|row| row.cents).sum() })
}

/// Rows of a name, some counts, and money at the end.
async fn rows(client: &Client, text: &str, month: &str, counts: usize) -> Result<Vec<Row>, Fail> {
    let rows = client.query(text, &[&month]).await?;
    let read = |row: &tokio_postgres::Row| Row {
        name: row.get(0),
        counts: (1..=counts).map(|at| row.get(at)).collect(),
        cents: row.get(counts + 1),
    };
    Ok(rows.iter().map(read).collect())
}

/// Whoever opens the file sees all of it or the one before.
async fn write_whole(path: &Path, text: &str) -> Result<(), Fail> {
    let part = path.with_extension("html.part");
    tokio::fs::write(&part, text).await?;
    tokio::fs::rename(&part, path).await?;
    Ok(())
}

fn page(month: &str, regions: &[Row], products: &[Row]) -> String {
    let total = money(regions.iter().map(|row| row.cents).sum());
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sales of {month}</title>\n<style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}}\
         table{{border-collapse:collapse;width:100%;margin:1rem 0}}td,th{{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #ddd}}\
         td:first-child,th:first-child{{text-align:left}}text{{font:14px system-ui,sans-serif}}</style></head><body>\n\
         <h1>Sales of {month}</h1>\n<p>Total: <strong>{total}</strong></p>\n{}\n{}\n<h2>Best products</h2>\n{}\n</body></html>\n",
        chart(regions),
        table(&["Region", "Orders", "Customers", "Sales"], regions),
        table(&["Product", "Pieces", "Sales"], products),
    )
}

/// A bar per region.
fn chart(rows: &[Row]) -> String {
    let most = rows.iter().map(|row| row.cents).max().unwrap_or(1).max(1) as f64;
    let height = rows.len() * 34;
    let mut svg = format!(
        "<svg viewBox=\"0 0 640 {height}\" role=\"img\" aria-label=\"Sales by region\" width=\"100%\">\n"
    );
    for (n, row) in rows.iter().enumerate() {
        let (y, width) = (n * 34, 380.0 * row.cents as f64 / most);
        writeln!(
            svg,
            "<text x=\"0\" y=\"{}\">{}</text><rect x=\"90\" y=\"{}\" width=\"{width:.1}\" height=\"24\" fill=\"#2a6f97\"/><text x=\"{:.1}\" y=\"{}\">{}</text>",
            y + 21,
            escaped(&row.name),
            y + 4,
            98.0 + width,
            y + 21,
            money(row.cents),
        )
        .expect("a String takes every write");
    }
    svg + "</svg>"
}

fn table(headings: &[&str], rows: &[Row]) -> String {
    let heads: String = headings.iter().map(|head| format!("<th>{head}</th>")).collect();
    let mut html = format!("<table><tr>{heads}</tr>\n");
    for row in rows {
        let counts: String = row.counts.iter().map(|count| format!("<td>{count}</td>")).collect();
        let line = format!(
            "<tr><td>{}</td>{counts}<td>{}</td></tr>\n",
            escaped(&row.name),
            money(row.cents)
        );
        html.push_str(&line);
    }
    html + "</table>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Cents as people read them: `1,234.50`.
pub(crate) fn money(cents: i64) -> String {
    format!("{}.{:02}", crate::demo::summary::grouped(cents / 100), (cents % 100).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_each_name_and_the_total_and_no_name_breaks_it() {
        let row = |name: &str, cents| Row { name: name.into(), counts: vec![2, 1], cents };
        let page = page("2025-03", &[row("North", 123_450), row("<b>\"", 100)], &[]);
        assert!(page.contains("<strong>1,235.50</strong>"), "{page}");
        assert!(page.contains("<td>North</td><td>2</td><td>1</td><td>1,234.50</td>"));
        assert!(page.contains("&lt;b>&quot;") && !page.contains("<b>"));
        assert!(page.contains("width=\"380.0\"") && page.ends_with("</html>\n"));
    }
}
