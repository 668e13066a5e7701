//! A table in Markdown; its first columns are texts, the others numbers.

use std::fmt::Write;

pub struct Table {
    text: String,
    columns: usize,
}

impl Table {
    pub fn new(head: Vec<String>, text_columns: usize) -> Self {
        let mut table = Self { text: String::new(), columns: head.len() };
        let rule = (0..head.len()).map(|column| if column < text_columns { "---" } else { "--:" }.to_owned()).collect();
        table.row(head);
        table.row(rule);
        table
    }

    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns);
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    pub fn finish(self) -> String {
        self.text
    }
}
