//! What brought a new member: read from the history that the site's own pages keep (protocol B.14).

use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::clock::Timestamp;
use crate::db::schema::member_attributions;
use crate::db::{Conn, DbResult, on_either};
use crate::ids::MemberId;

/// Where a sign-up came from. Everything is a stranger's words, cut to a length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Insertable, Queryable, Selectable)]
#[diesel(table_name = member_attributions)]
pub struct Attribution {
    /// The post that was read, if any, or the page.
    pub resource_id: Option<String>,
    pub resource_type: Option<String>,
    pub resource_url: Option<String>,
    pub referrer_source: Option<String>,
    pub referrer_medium: Option<String>,
    pub referrer_url: Option<String>,
    pub utm_source: Option<String>,
    pub utm_medium: Option<String>,
    pub utm_campaign: Option<String>,
    pub utm_term: Option<String>,
    pub utm_content: Option<String>,
}

impl Attribution {
    /// Whoever linked here, in one text.
    pub fn referrer(&self) -> Option<String> {
        self.referrer_url.clone().or_else(|| self.referrer_source.clone().filter(|source| source != DIRECT))
    }
}

/// Nobody linked here.
const DIRECT: &str = "Direct";
/// Entries that are older count for nothing.
const OLDEST: Duration = Duration::from_secs(86_400);
/// Entries that are looked at; pages keep fifteen.
const MOST: usize = 50;
const LONGEST: usize = 2_000;

/// Reads a history, oldest entry first. Pure. One malformed entry spoils the whole, as the protocol
/// has it; then, and without any young entry, there is nothing to say.
pub fn read(history: &Value, site: &Url, now: Timestamp) -> Option<Attribution> {
    let entries: Vec<Entry<'_>> = history.as_array()?.iter().take(MOST).map(Entry::read).collect::<Option<_>>()?;
    let young_from = now.minus(OLDEST).millis();
    let young: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.time >= young_from).collect();
    if young.is_empty() {
        return None;
    }
    let newest_first = || young.iter().rev();
    let mut attribution = Attribution::default();
    if let Some(post) = newest_first().find(|entry| entry.is_post()) {
        attribution.resource_id = post.text("id");
        attribution.resource_type = Some("post".to_owned());
    } else if let Some(path) = newest_first().find_map(|entry| entry.text("path")) {
        attribution.resource_type = Some("url".to_owned());
        attribution.resource_url = Some(path);
    }
    match newest_first().find_map(|entry| entry.referrer(site)) {
        Some((source, medium, url)) => {
            attribution.referrer_source = Some(source);
            attribution.referrer_medium = medium;
            attribution.referrer_url = url;
        }
        None => attribution.referrer_source = Some(DIRECT.to_owned()),
    }
    if let Some(tagged) = young.iter().find(|entry| UTM.iter().any(|(key, _)| entry.text(key).is_some())) {
        for (key, field) in UTM {
            *field(&mut attribution) = tagged.text(key);
        }
    }
    Some(attribution)
}

type Field = fn(&mut Attribution) -> &mut Option<String>;
const UTM: [(&str, Field); 5] = [
    ("utmSource", |attribution| &mut attribution.utm_source),
    ("utmMedium", |attribution| &mut attribution.utm_medium),
    ("utmCampaign", |attribution| &mut attribution.utm_campaign),
    ("utmTerm", |attribution| &mut attribution.utm_term),
    ("utmContent", |attribution| &mut attribution.utm_content),
];

/// One page view.
struct Entry<'a> {
    time: i64,
    fields: &'a serde_json::Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        let entry = Self { time: value.get("time")?.as_i64()?, fields: value.as_object()? };
        let says_something = entry.fields.get("path").is_some_and(Value::is_string)
            || entry.is_post()
            || entry.fields.get("referrerSource").is_some_and(Value::is_string);
        says_something.then_some(entry)
    }

    fn is_post(&self) -> bool {
        self.fields.get("id").is_some_and(Value::is_string)
            && self.fields.get("type").and_then(Value::as_str) == Some("post")
    }

    /// A field that may be kept: visible text of a bounded length.
    fn text(&self, key: &str) -> Option<String> {
        let text = self.fields.get(key)?.as_str()?.trim();
        (!text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control)).then(|| text.to_owned())
    }

    /// Source, medium and address of whoever linked here; the site itself and Stripe's checkout do
    /// not count.
    fn referrer(&self, site: &Url) -> Option<(String, Option<String>, Option<String>)> {
        let url = self.text("referrerUrl");
        let host =
            url.as_deref().and_then(|text| Url::parse(text).ok()).and_then(|url| url.host_str().map(str::to_owned));
        if let Some(host) = &host
            && (Some(host.as_str()) == site.host_str() || host == "checkout.stripe.com")
        {
            return None;
        }
        let source = self.text("referrerSource").or(host)?;
        Some((source, self.text("referrerMedium"), url))
    }
}

/// Keeps what brought a member, in the transaction that makes them.
pub fn keep(conn: &mut Conn, member: MemberId, attribution: &Attribution) -> DbResult<()> {
    let row = (member_attributions::member_id.eq(member), attribution);
    on_either!(conn, conn => diesel::insert_into(member_attributions::table).values(row).execute(conn)?);
    Ok(())
}

/// What is kept of a member's coming.
pub fn of(conn: &mut Conn, member: MemberId) -> DbResult<Option<Attribution>> {
    Ok(member_attributions::table.find(member).select(Attribution::as_select()).get_result(conn).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_795_488_760_000)
    }

    fn read(history: Value) -> Option<Attribution> {
        super::read(&history, &Url::parse("https://site.test/").unwrap(), now())
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_newest_post_wins_over_pages() {
        let at = now().millis();
        let read = read(json!([
            {"path": "/a/", "time": at - 5},
            {"id": "p1", "type": "post", "time": at - 4, "referrerSource": "News"},
            {"id": "p2", "type": "post", "time": at - 3},
            {"path": "/b/", "time": at - 2},
        ]))
        .unwrap();
        assert_eq!((read.resource_id, read.resource_type), (text("p2"), text("post")));
        assert_eq!(read.referrer_source, text("News"));
    }

    #[test]
    fn without_a_post_the_newest_page_counts_and_nobody_means_direct() {
        let at = now().millis();
        let read = read(
            json!([{"path": "/a/", "time": at - 5}, {"path": "/b/", "time": at, "referrerUrl": "https://site.test/x"}]),
        );
        let read = read.unwrap();
        assert_eq!((read.resource_url, read.resource_type), (text("/b/"), text("url")));
        assert_eq!(read.referrer_source, text("Direct"));
    }

    #[test]
    fn campaign_tags_come_from_the_oldest_entry_that_has_any() {
        let at = now().millis();
        let read = read(json!([
            {"path": "/", "time": at - 9, "utmSource": "mail", "utmTerm": "x", "referrerUrl": "https://other.test/p"},
            {"path": "/", "time": at - 1, "utmSource": "later", "referrerUrl": "https://checkout.stripe.com/c"},
        ]))
        .unwrap();
        assert_eq!((read.utm_source, read.utm_term, read.utm_medium), (text("mail"), text("x"), None));
        assert_eq!((read.referrer_source, read.referrer_url), (text("other.test"), text("https://other.test/p")));
    }

    #[test]
    fn what_is_old_or_malformed_says_nothing() {
        let at = now().millis();
        assert_eq!(read(json!([{"path": "/", "time": at - 86_400_001}])), None);
        assert_eq!(read(json!([{"path": "/", "time": at}, {"time": at}])), None);
        assert_eq!(read(json!([{"path": "/", "time": "soon"}])), None);
        for nothing in [json!([]), json!({}), json!("x"), json!(null), json!([1, 2]), json!([[]])] {
            assert_eq!(read(nothing.clone()), None, "{nothing}");
        }
        let long = "x".repeat(5_000);
        let read = read(json!([{"path": long, "time": at, "referrerSource": "a\u{0}b"}])).unwrap();
        assert_eq!((read.resource_url, read.referrer_source), (None, text("Direct")));
    }
}
