//! The tables at the end of the demo.

use super::found::Found;

/// The event types in the contract's order, which is also the API's.
const TYPES: [&str; 4] = ["call", "agent_action", "tool_invocation", "qos_metric"];
const SHOWN_TENANTS: usize = 20;

/// Prints a line per tenant, and the dead letters by code.
pub(super) fn print(found: &Found) {
    let mut heads = vec!["tenant".to_owned()];
    heads.extend(TYPES.map(str::to_owned));
    heads.push("sentiment of calls".to_owned());
    let tenants = found.tenants.iter().take(SHOWN_TENANTS).map(|(tenant, rows)| {
        let of = |event_type: &str| rows.iter().find(|row| row[0] == event_type);
        let mut cells = vec![tenant.clone()];
        cells.extend(
            TYPES.map(|event_type| of(event_type).map_or_else(|| "0".to_owned(), |row| row[1].to_string())),
        );
        let sentiment = of("call").and_then(|row| row[2].as_f64());
        cells.push(sentiment.map_or_else(|| "–".to_owned(), |average| format!("{average:+.3}")));
        cells
    });
    println!("\nwhat the API serves:\n{}", table(&heads, &tenants.collect::<Vec<_>>()));
    if found.tenants.len() > SHOWN_TENANTS {
        println!("… and {} more tenants", found.tenants.len() - SHOWN_TENANTS);
    }
    if found.rejected.is_empty() {
        println!("\nno dead letters");
        return;
    }
    let mut codes: Vec<_> = found.rejected.iter().collect();
    codes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let codes: Vec<_> =
        codes.into_iter().map(|(code, count)| vec![code.clone(), count.to_string()]).collect();
    println!("\n{}", table(&["dead letters".to_owned(), "count".to_owned()], &codes));
}

/// Columns as wide as their widest cell, the first to the left, the others to the right.
fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let length = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| rows.iter().map(|row| length(&row[column])).fold(length(&heads[column]), usize::max))
        .collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // Tenants are free text: what is not printable would break the table.
            let cell = cell.replace(|character: char| character.is_control(), "?");
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  ");
    let mut lines = vec![line(heads), rule];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let drawn = table(&row(&["tenant", "call"]), &[row(&["água", "12345"]), row(&["b", "7"])]);
        assert_eq!(drawn, "tenant   call\n──────  ─────\nágua    12345\nb           7");
    }
}
