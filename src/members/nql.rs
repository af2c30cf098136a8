//! NQL, the language in which Ghost's clients say whom they want (protocol D.13), read into a tree.
//!
//! `label:vip+created_at:>='2024-01-01'`: `+` is and, `,` is or, `-` before a value is not.

use std::time::Duration;

use crate::clock::Timestamp;

/// Bytes of a filter, brackets in brackets, and tests in all (`reliability.md` A12).
const LONGEST: usize = 4_000;
const DEEPEST: usize = 24;
const MOST_TESTS: usize = 60;

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    All(Vec<Self>),
    Any(Vec<Self>),
    Test { key: String, op: Op },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// One of these, or with `not` none of them.
    Among {
        values: Vec<Value>,
        not: bool,
    },
    Above {
        value: Value,
        or_equal: bool,
    },
    Below {
        value: Value,
        or_equal: bool,
    },
    Like {
        text: String,
        place: Place,
        not: bool,
    },
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Anywhere,
    Beginning,
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    /// `now-30d`.
    Moment(Timestamp),
}

/// Why a text is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAFilter {
    #[error("it is too long or too deep")]
    TooLarge,
    #[error("it cannot be read at byte {0}")]
    At(usize),
}

/// Reads a filter. `now` is what `now-30d` counts from.
pub fn parse(text: &str, now: Timestamp) -> Result<Expr, NotAFilter> {
    if text.len() > LONGEST {
        return Err(NotAFilter::TooLarge);
    }
    let mut reader = Reader { text, at: 0, now, depth: 0, tests: 0 };
    let expr = reader.any()?;
    reader.blanks();
    if reader.at < text.len() { Err(NotAFilter::At(reader.at)) } else { Ok(expr) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    now: Timestamp,
    depth: usize,
    tests: usize,
}

type Read<T> = Result<T, NotAFilter>;

/// Characters that end a bare word.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '"' | '+' | ',' | '(' | ')' | '>' | '<' | '=' | '[' | ']' | '~')
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn takes(&mut self, what: &str) -> bool {
        self.blanks();
        let is_there = self.rest().starts_with(what);
        if is_there {
            self.at += what.len();
        }
        is_there
    }

    fn needs(&mut self, what: &str) -> Read<()> {
        if self.takes(what) { Ok(()) } else { Err(NotAFilter::At(self.at)) }
    }

    fn any(&mut self) -> Read<Expr> {
        let mut parts = vec![self.all()?];
        while self.takes(",") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn all(&mut self) -> Read<Expr> {
        let mut parts = vec![self.term()?];
        while self.takes("+") {
            parts.push(self.term()?);
        }
        Ok(one_or(parts, Expr::All))
    }

    fn term(&mut self) -> Read<Expr> {
        if !self.takes("(") {
            return self.test();
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(NotAFilter::TooLarge);
        }
        let expr = self.any()?;
        self.needs(")")?;
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Read<Expr> {
        self.tests += 1;
        if self.tests > MOST_TESTS {
            return Err(NotAFilter::TooLarge);
        }
        self.blanks();
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        let key = rest[..length].to_owned();
        if !key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(NotAFilter::At(self.at));
        }
        self.at += length;
        self.needs(":")?;
        Ok(Expr::Test { key, op: self.op()? })
    }

    fn op(&mut self) -> Read<Op> {
        let not = self.takes("-");
        for (sign, place) in [("~^", Place::Beginning), ("~$", Place::End), ("~", Place::Anywhere)] {
            if self.takes(sign) {
                self.blanks();
                return Ok(Op::Like { text: self.string()?, place, not });
            }
        }
        if self.takes("[") {
            let mut values = vec![self.value()?];
            while self.takes(",") {
                values.push(self.value()?);
            }
            self.needs("]")?;
            return Ok(Op::Among { values, not });
        }
        if not {
            return Ok(Op::Among { values: vec![self.value()?], not });
        }
        for (sign, or_equal) in [(">=", true), (">", false)] {
            if self.takes(sign) {
                return Ok(Op::Above { value: self.value()?, or_equal });
            }
        }
        for (sign, or_equal) in [("<=", true), ("<", false)] {
            if self.takes(sign) {
                return Ok(Op::Below { value: self.value()?, or_equal });
            }
        }
        Ok(Op::Among { values: vec![self.value()?], not })
    }

    /// `'…'` or `"…"`, with `\'` and `\"` in it.
    fn string(&mut self) -> Read<String> {
        let begin = self.at;
        let mut chars = self.rest().char_indices();
        let quote = match chars.next() {
            Some((_, quote @ ('\'' | '"'))) => quote,
            _ => return Err(NotAFilter::At(begin)),
        };
        let (mut text, mut escaped) = (String::new(), false);
        for (at, c) in chars {
            match c {
                '\'' | '"' if escaped => {
                    text.pop();
                    text.push(c);
                    escaped = false;
                }
                c if c == quote => {
                    self.at += at + 1;
                    return if text.is_empty() { Err(NotAFilter::At(begin)) } else { Ok(text) };
                }
                c => {
                    text.push(c);
                    escaped = c == '\\';
                }
            }
        }
        Err(NotAFilter::At(begin))
    }

    fn value(&mut self) -> Read<Value> {
        self.blanks();
        if self.rest().starts_with(['\'', '"']) {
            return Ok(Value::Text(self.string()?));
        }
        let begin = self.at;
        let rest = self.rest();
        let is_now = rest.starts_with("now-") || rest.starts_with("now+");
        // The sign of `now+1d` would end a word.
        let skip = if is_now { 4 } else { 0 };
        let length = rest[skip..].find(ends_word).map_or(rest.len(), |length| length + skip);
        let word = &rest[..length];
        if word.is_empty() || word.starts_with('-') {
            return Err(NotAFilter::At(begin));
        }
        let value = match word {
            "null" | "NULL" | "Null" => Value::Null,
            "true" | "TRUE" | "True" => Value::Bool(true),
            "false" | "FALSE" | "False" => Value::Bool(false),
            "now" => Value::Moment(self.now),
            word if is_now => Value::Moment(moment(word, self.now).ok_or(NotAFilter::At(begin))?),
            word => number(word).map_or_else(|| Value::Text(word.replace('\\', "")), Value::Number),
        };
        self.at += length;
        Ok(value)
    }
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

/// Digits, with a fraction that is cut off.
fn number(word: &str) -> Option<i64> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(whole) && is_digits(fraction) { whole.parse().ok() } else { None }
}

/// `now-30d`: from now so many days, weeks, months of 30 days, years of 365, hours, minutes or seconds.
fn moment(word: &str, now: Timestamp) -> Option<Timestamp> {
    let (sign, count) = (word.as_bytes().get(3)?, word.get(4..)?);
    let unit = count.chars().last()?;
    let count: u64 = count.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        'M' => 30 * 86_400,
        'y' => 365 * 86_400,
        _ => return None,
    };
    let span = Duration::from_secs(count.min(1_000_000).checked_mul(seconds)?.min(100 * 365 * 86_400));
    Some(if *sign == b'-' { now.minus(span) } else { now.plus(span) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn read(text: &str) -> Result<Expr, NotAFilter> {
        parse(text, Timestamp::from_millis(NOW * 1_000))
    }

    fn is(key: &str, values: &[&str], not: bool) -> Expr {
        let values = values.iter().map(|text| Value::Text((*text).to_owned())).collect();
        Expr::Test { key: key.to_owned(), op: Op::Among { values, not } }
    }

    #[test]
    fn examples_of_the_protocol_are_read() {
        assert_eq!(read("status:-free").unwrap(), is("status", &["free"], true));
        let subscribed =
            Expr::Test { key: "subscribed".into(), op: Op::Among { values: vec![Value::Bool(true)], not: false } };
        let vips = is("label", &["vip", "a-b"], false);
        assert_eq!(read("label:[vip,'a-b']+subscribed:true").unwrap(), Expr::All(vec![vips, subscribed]));
        assert_eq!(read("email:'o\\'neil@x.org'").unwrap(), is("email", &["o'neil@x.org"], false));
        let ann = Op::Like { text: "ann".into(), place: Place::Anywhere, not: false };
        assert_eq!(read("name:~'ann'").unwrap(), Expr::Test { key: "name".into(), op: ann });
        let either = Expr::Any(vec![is("status", &["free"], false), is("status", &["comped"], false)]);
        let rate = Op::Above { value: Value::Number(50), or_equal: false };
        let rate = Expr::Test { key: "email_open_rate".into(), op: rate };
        assert_eq!(read("(status:free , status:comped) + email_open_rate:>50").unwrap(), Expr::All(vec![either, rate]));
        let month_ago = Value::Moment(Timestamp::from_millis((NOW - 30 * 86_400) * 1_000));
        let Expr::All(parts) = read("created_at:>='2024-01-01 00:00:00'+created_at:<now-30d").unwrap() else {
            panic!()
        };
        assert_eq!(
            parts[1],
            Expr::Test { key: "created_at".into(), op: Op::Below { value: month_ago, or_equal: false } }
        );
        assert_eq!(read("id:6b04fc795a0b181b37bb99a0").unwrap(), is("id", &["6b04fc795a0b181b37bb99a0"], false));
        assert!(read("name:-~^'A'").is_ok() && read("created_at:<now+1d").is_ok() && read("a:null,b:-null").is_ok());
    }

    #[test]
    fn rubbish_is_refused() {
        let deep = format!("{}a:b{}", "(".repeat(200), ")".repeat(200));
        let many = vec!["a:b"; 100].join("+");
        for text in [
            "", "(((", "a", "a:", ":b", "a:b)", "a:''", "a:'x", "a:[", "a:[]", "a:--b", "a:now-3q", "a:b+", "1:2",
            &deep, &many,
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert_eq!(read(&"a".repeat(10_000)), Err(NotAFilter::TooLarge));
    }
}
