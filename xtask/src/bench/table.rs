//! Tables for a terminal.

use std::fmt;

/// Rows of cells: the first column stands left, the others right.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A change, with its sign: `+3.1 %`.
pub fn percent(before: f64, now: f64) -> String {
    if before == 0.0 { "-".to_owned() } else { format!("{:+.1} %", (now / before - 1.0) * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_lines_end_without_spaces() {
        let mut table = Table::new(&["bench", "now", ""]);
        table.row(["publish/µs", "1", "slower"].map(str::to_owned));
        table.row(["x", "1234", ""].map(str::to_owned));
        assert_eq!(table.to_string(), "bench        now\npublish/µs     1  slower\nx           1234\n");
    }

    #[test]
    fn changes_have_a_sign() {
        assert_eq!([percent(100.0, 103.06), percent(2.0, 1.0), percent(0.0, 1.0)], ["+3.1 %", "-50.0 %", "-"]);
    }
}
