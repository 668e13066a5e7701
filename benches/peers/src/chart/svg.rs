//! The few shapes that charts are made of.

use std::fmt::Write;

/// Colours by class, for light and dark readers. Three steps of each colour, from strong to faint.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px;fill:#1f2328}\
.title{font-size:17px;font-weight:600}.head{font-size:13px;font-weight:600}.small{font-size:11px;fill:#59636e}\
.value{font-size:10.5px;fill:#59636e}.name{font-size:12.5px}.strong{font-weight:600;fill:#0a6b45}\
.paper{fill:#fff}.band{fill:#f6f8fa}.grid{stroke:#d1d9e0;stroke-width:1}\
.own1{fill:#0a6b45}.own2{fill:#4cb183}.own3{fill:#b5e3cd}\
.peer1{fill:#31558f}.peer2{fill:#7f9fd1}.peer3{fill:#cddaf0}\
.floor1{fill:#6b6b6b}.floor2{fill:#a8a8a8}.floor3{fill:#dcdcdc}\
@media (prefers-color-scheme:dark){\
text{fill:#e6edf3}.small,.value{fill:#9aa4ae}.strong{fill:#5fd39d}\
.paper{fill:#0d1117}.band{fill:#161b22}.grid{stroke:#30363d}\
.own1{fill:#5fd39d}.own2{fill:#2f8f63}.own3{fill:#1b4d37}\
.peer1{fill:#8db4f5}.peer2{fill:#4f74b3}.peer3{fill:#283c5e}\
.floor1{fill:#b5b5b5}.floor2{fill:#7d7d7d}.floor3{fill:#444}}";

pub struct Svg {
    body: String,
    width: f64,
    height: f64,
}

#[derive(Debug, Clone, Copy)]
pub enum Align {
    Start,
    Middle,
    End,
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { body: String::new(), width, height };
        svg.rect(0.0, 0.0, width, height, "paper");
        svg
    }

    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let width = width.max(0.0);
        let _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" class="{class}"/>"#
        );
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(self.body, r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#);
    }

    /// Text on a base line.
    pub fn text(&mut self, x: f64, y: f64, align: Align, class: &str, text: &str) {
        let anchor = match align {
            Align::Start => "start",
            Align::Middle => "middle",
            Align::End => "end",
        };
        let text = escaped(text);
        let _ =
            writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#);
    }

    /// The whole file.
    pub fn finish(self, title: &str) -> String {
        let Self { body, width, height } = self;
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The text in lines of at most this many bytes, broken at blanks; a longer word gets a line.
pub fn wrap(text: &str, width: usize) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), text.trim());
    while rest.len() > width {
        let fits = rest.match_indices(' ').map(|(at, _)| at);
        let at = fits.clone().take_while(|at| *at <= width).last().or_else(|| fits.clone().next());
        let Some(at) = at else { break };
        lines.push(&rest[..at]);
        rest = rest[at..].trim_start();
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::new(10.0, 20.0);
        svg.text(1.0, 2.0, Align::End, "name", "a<b & c>d");
        let svg = svg.finish("x < y");
        assert!(
            svg.contains(r#"<text x="1.0" y="2.0" text-anchor="end" class="name">a&lt;b &amp; c&gt;d</text>"#),
            "{svg}"
        );
        assert!(svg.contains("<title>x &lt; y</title>"));
        assert!(svg.starts_with(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 20""#));
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two three", 100), ["one two three"]);
        assert_eq!(wrap("extraordinary a b", 5), ["extraordinary", "a b"]);
        assert_eq!(wrap("µµµ µµµ µµµ", 8), ["µµµ", "µµµ", "µµµ"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
