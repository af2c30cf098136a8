//! Charts as SVG, drawn here: no script, and in the colours of the page, light or dark. A chart library
//! would bring its fonts and its own colours with it.

use std::fmt::Write;

use crate::clock::Timestamp;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
/// Room for the figures at the side and the days below.
const LEFT: f64 = 48.0;
const BELOW: f64 = 22.0;
const ABOVE: f64 = 8.0;

fn day_text(day: i32) -> String {
    let (year, month, day, ..) = Timestamp::from_millis(i64::from(day) * 86_400_000).calendar_parts();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `1,234` as `1.2k`, to stand beside an axis.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 1e6 => format!("{:.1}M", value / 1e6),
        large if large >= 1e4 => format!("{:.0}k", value / 1e3),
        large if large >= 1e3 => format!("{:.1}k", value / 1e3),
        _ => format!("{:.0}", value + 0.0),
    }
}

struct Scale {
    low: f64,
    high: f64,
    count: usize,
}

impl Scale {
    fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        ABOVE + (HEIGHT - ABOVE - BELOW) * (1.0 - part)
    }

    fn x(&self, at: usize) -> f64 {
        LEFT + (WIDTH - LEFT - 4.0) * at as f64 / (self.count.max(2) - 1) as f64
    }
}

fn frame(svg: &mut String, scale: &Scale, title: &str, first: i32, last: i32) {
    // Writing to a text cannot fail.
    let _ = write!(
        svg,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    );
    for value in [scale.low, (scale.low + scale.high) / 2.0, scale.high] {
        let y = scale.y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            y + 4.0,
            short(value)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\">{}</text><text x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        HEIGHT - 5.0,
        day_text(first),
        HEIGHT - 5.0,
        day_text(last)
    );
}

/// A line over days: how much of something there was. `name` is ours, and harmless in HTML.
pub fn line(name: &str, points: &[(i32, i64)]) -> String {
    let (Some((first, begin)), Some((last, end))) = (points.first(), points.last()) else { return String::new() };
    let values = || points.iter().map(|(_, value)| *value as f64);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    // A line that hardly moves is not blown up into an alp.
    let low = if high > 0.0 && low / high > 0.8 { (low * 0.9).floor() } else { 0.0 };
    let scale = Scale { low, high: high.max(low + 1.0), count: points.len() };
    let title = format!("{name}: {begin} on {}, {end} on {}", day_text(*first), day_text(*last));
    let mut svg = String::new();
    frame(&mut svg, &scale, &title, *first, *last);
    let mut path = String::new();
    for (at, value) in values().enumerate() {
        let _ = write!(path, "{}{:.1} {:.1}", if at == 0 { "M" } else { "L" }, scale.x(at), scale.y(value));
    }
    let floor = scale.y(scale.low);
    let _ = write!(
        svg,
        "<path class=\"area\" d=\"{path}L{:.1} {floor:.1}L{:.1} {floor:.1}Z\"/><path class=\"line\" d=\"{path}\"/></svg>",
        scale.x(points.len() - 1),
        scale.x(0)
    );
    svg
}

/// Bars over days: what came above the line, what went below it.
pub fn bars(name: &str, came: &[(i32, i64)], went: &[(i32, i64)]) -> String {
    let (Some((first, _)), Some((last, _))) = (came.first(), came.last()) else { return String::new() };
    let sum = |points: &[(i32, i64)]| points.iter().map(|(_, value)| value).sum::<i64>();
    let most = |points: &[(i32, i64)]| points.iter().map(|(_, value)| *value).max().unwrap_or(0) as f64;
    let scale = Scale { low: -most(went), high: most(came).max(1.0), count: came.len() };
    let title =
        format!("{name}: {} came and {} went from {} to {}", sum(came), sum(went), day_text(*first), day_text(*last));
    let mut svg = String::new();
    frame(&mut svg, &scale, &title, *first, *last);
    let width = ((WIDTH - LEFT) / came.len() as f64 * 0.7).max(1.0);
    let zero = scale.y(0.0);
    for (points, sign, class) in [(came, 1.0, "bar"), (went, -1.0, "bar down")] {
        for (at, (_, value)) in points.iter().enumerate().filter(|(_, (_, value))| *value > 0) {
            let y = scale.y(sign * *value as f64);
            let (top, height) = if y < zero { (y, zero - y) } else { (zero, y - zero) };
            let x = (scale.x(at) - width / 2.0).max(LEFT);
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_say_in_words_what_they_show() {
        let days: Vec<(i32, i64)> = (0..30).map(|day| (20_000 + day, i64::from(day) * 10)).collect();
        let svg = line("Members", &days);
        assert!(svg.contains("Members: 0 on 2024-10-04, 290 on 2024-11-02"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let empty: Vec<(i32, i64)> = (0..30).map(|day| (20_000 + day, 0)).collect();
        for svg in [line("Members", &empty), bars("Members", &empty, &empty), bars("Members", &days, &empty)] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
        }
        assert_eq!(line("Nothing", &[]), "");
    }
}
