//! A member's own record, as `GET /members/api/member/` shows it (protocol A.4).

use serde::Serialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::billing::access::Status;
use crate::billing::shown::Shown;
use crate::clock::Timestamp;
use crate::newsletters::{Newsletter, unsubscribing};
use crate::secrets::SecretKey;
use crate::texts::Language;

/// The columns that the record is made of.
#[derive(Clone, Debug)]
pub struct MemberRow {
    pub uuid: Uuid,
    pub email: String,
    pub name: Option<String>,
    pub expertise: Option<String>,
    pub enable_comment_notifications: bool,
    pub enable_updates: Option<bool>,
    pub created_at: Timestamp,
    /// What they read, if they ever showed it.
    pub language: Option<Language>,
    /// Why no mail goes to the address, if so.
    pub suppressed: Option<Box<Suppressed>>,
}

/// That no mail goes to an address.
#[derive(Clone, Debug)]
pub struct Suppressed {
    pub reason: String,
    pub since: Timestamp,
    /// When it ends by itself, if it does.
    pub until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Record<'a> {
    uuid: Uuid,
    email: &'a str,
    name: Option<&'a str>,
    firstname: Option<&'a str>,
    expertise: Option<&'a str>,
    /// Never a picture of a third party: asking for one would tell that party who reads (V7).
    avatar_image: Option<()>,
    unsubscribe_url: String,
    subscribed: bool,
    subscriptions: Vec<Value>,
    status: &'a str,
    paid: bool,
    created_at: String,
    enable_comment_notifications: bool,
    enable_updates_and_announcements: Option<bool>,
    can_comment: bool,
    commenting: Commenting,
    newsletters: Vec<NewsletterInRecord<'a>>,
    email_suppression: EmailSuppression,
}

#[derive(Serialize)]
struct Commenting {
    disabled: bool,
    disabled_reason: Option<()>,
    disabled_until: Option<()>,
}

#[derive(Serialize)]
pub struct NewsletterInRecord<'a> {
    id: String,
    uuid: Uuid,
    name: &'a str,
    description: Option<&'a str>,
    sort_order: i32,
}

impl<'a> From<&'a Newsletter> for NewsletterInRecord<'a> {
    fn from(newsletter: &'a Newsletter) -> Self {
        Self {
            id: newsletter.id.to_string(),
            uuid: newsletter.uuid,
            name: &newsletter.name,
            description: newsletter.description.as_deref(),
            sort_order: newsletter.sort_order,
        }
    }
}

#[derive(Serialize)]
struct EmailSuppression {
    suppressed: bool,
    info: Option<SuppressionInfo>,
}

#[derive(Serialize)]
struct SuppressionInfo {
    reason: &'static str,
    timestamp: String,
}

/// The record as JSON text.
pub fn to_json(
    member: &MemberRow,
    newsletters: &[Newsletter],
    billing: Option<Shown>,
    base: &Url,
    key: &SecretKey,
    now: Timestamp,
) -> String {
    let billing = billing.unwrap_or(Shown { status: Status::Free, subscriptions: Vec::new() });
    let suppressed = member.suppressed.as_deref().filter(|suppressed| suppressed.until.is_none_or(|until| now < until));
    let record = Record {
        uuid: member.uuid,
        email: &member.email,
        name: member.name.as_deref(),
        firstname: member.name.as_deref().and_then(|name| name.split_whitespace().next()),
        expertise: member.expertise.as_deref(),
        avatar_image: None,
        unsubscribe_url: unsubscribing::url(base, key, member.uuid, None),
        subscribed: !newsletters.is_empty(),
        subscriptions: billing.subscriptions,
        status: billing.status.as_str(),
        paid: billing.status != Status::Free,
        created_at: member.created_at.iso8601(),
        enable_comment_notifications: member.enable_comment_notifications,
        enable_updates_and_announcements: member.enable_updates,
        can_comment: true,
        commenting: Commenting { disabled: false, disabled_reason: None, disabled_until: None },
        newsletters: newsletters.iter().map(NewsletterInRecord::from).collect(),
        email_suppression: EmailSuppression {
            suppressed: suppressed.is_some(),
            info: suppressed.map(|suppressed| SuppressionInfo {
                reason: if suppressed.reason == "complaint" { "spam" } else { "fail" },
                timestamp: suppressed.since.iso8601(),
            }),
        },
    };
    // The record has only string keys and plain values, which always serialise.
    serde_json::to_string(&record).unwrap_or_default()
}
