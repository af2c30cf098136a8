//! What was measured, as a table for people.

use std::fmt::Write;

use crate::generator::Load;

#[derive(Default)]
pub struct Table {
    title: String,
    rows: String,
    facts: String,
}

impl Table {
    pub fn say(&mut self, title: &str) {
        eprintln!("{title}");
        title.clone_into(&mut self.title);
    }

    pub fn load(&mut self, name: &str, load: &Load, beside: Option<&Load>) {
        let ratio = beside.map_or(String::new(), |bare| format!("{:.2}", load.per_second() / bare.per_second()));
        let row = format!(
            "| {name} | {:.0} | {ratio} | {:.2} | {:.2} |",
            load.per_second(),
            load.percentile_ms(0.5),
            load.percentile_ms(0.99)
        );
        eprintln!("{row}");
        let _ = writeln!(self.rows, "{row}");
    }

    pub fn fact(&mut self, name: &str, value: String) {
        eprintln!("{name}: {value}");
        let _ = writeln!(self.facts, "- {name}: {value}");
    }

    pub fn print(&self) {
        println!("\n{}\n", self.title);
        println!(
            "| figure | per second | of the bare handler | p50 ms | p99 ms |\n|---|---|---|---|---|\n{}",
            self.rows
        );
        println!("{}", self.facts);
    }
}
