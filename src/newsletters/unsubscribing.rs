//! Leaving lists by a link that never expires and never signs in (`reliability.md` M10, M11;
//! RFC 8058).

use data_encoding::HEXLOWER;
use diesel::prelude::*;
use url::Url;
use uuid::Uuid;

use super::{Newsletter, subscriptions};
use crate::clock::Timestamp;
use crate::db::schema::members;
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;
use crate::secrets::{self, Purpose, SecretKey};
use crate::texts::Language;

/// `{url}unsubscribe/?uuid=…&key=…[&newsletter=…]`. Without a list its key is good for all of them
/// (protocol C.4); with one, for that list only.
pub fn url(base: &Url, key: &SecretKey, member: Uuid, list: Option<Uuid>) -> String {
    let proof = HEXLOWER.encode(&proof(key, member, list));
    let url = format!("{base}unsubscribe/?uuid={member}&key={proof}");
    match list {
        Some(list) => format!("{url}&newsletter={list}"),
        None => url,
    }
}

fn proof(key: &SecretKey, member: Uuid, list: Option<Uuid>) -> secrets::Sha256 {
    match list {
        None => key.hmac(Purpose::UnsubscribeLink, member.to_string().as_bytes()),
        Some(list) => key.hmac(Purpose::UnsubscribeLink, format!("{member}|{list}").as_bytes()),
    }
}

/// What the key of a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Everything,
    OneList(Uuid),
}

/// Checks a key. `None`: it is wrong.
pub fn check(key: &SecretKey, member: Uuid, given: &str, list: Option<Uuid>) -> Option<Reach> {
    let given = HEXLOWER.decode(given.as_bytes()).ok()?;
    if secrets::equal(&given, &proof(key, member, None)) {
        return Some(Reach::Everything);
    }
    list.filter(|list| secrets::equal(&given, &proof(key, member, Some(*list)))).map(Reach::OneList)
}

pub fn member(conn: &mut Conn, uuid: Uuid) -> DbResult<Option<MemberId>> {
    Ok(members::table
        .filter(members::uuid.eq(uuid.as_bytes().to_vec()))
        .select(members::id)
        .get_result(conn)
        .optional()?)
}

/// What the holder of a link gets to see.
pub struct Holder {
    pub member: MemberId,
    pub email: String,
    pub language: Option<Language>,
    pub newsletters: Vec<Newsletter>,
    pub enable_comment_notifications: bool,
    pub enable_updates: Option<bool>,
    pub paused_until: Option<Timestamp>,
}

type HolderRow = (MemberId, String, Option<String>, bool, Option<bool>, Option<Timestamp>);

pub fn holder(conn: &mut Conn, uuid: Uuid) -> DbResult<Option<Holder>> {
    let row: Option<HolderRow> = members::table
        .filter(members::uuid.eq(uuid.as_bytes().to_vec()))
        .select((
            members::id,
            members::email,
            members::language,
            members::enable_comment_notifications,
            members::enable_updates,
            members::paused_until,
        ))
        .get_result(conn)
        .optional()?;
    let Some((member, email, language, enable_comment_notifications, enable_updates, paused_until)) = row else {
        return Ok(None);
    };
    Ok(Some(Holder {
        member,
        email,
        language: language.and_then(|tag| Language::of_tag(&tag)),
        newsletters: subscriptions::of(conn, member)?,
        enable_comment_notifications,
        enable_updates,
        paused_until,
    }))
}

/// What is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    List(Uuid),
    AllLists,
    CommentNotifications,
    Updates,
}

/// Ends it. Doing so twice is no fault. Returns the lists that were left.
pub fn leave(conn: &mut Conn, member: MemberId, what: What, now: Timestamp) -> DbResult<Vec<Newsletter>> {
    match what {
        What::CommentNotifications => {
            diesel::update(members::table.find(member))
                .set(members::enable_comment_notifications.eq(false))
                .execute(conn)?;
            Ok(Vec::new())
        }
        What::Updates => {
            diesel::update(members::table.find(member)).set(members::enable_updates.eq(false)).execute(conn)?;
            Ok(Vec::new())
        }
        What::List(_) | What::AllLists => {
            let mut left = Vec::new();
            for list in subscriptions::of(conn, member)? {
                let meant = what == What::AllLists || what == What::List(list.uuid);
                if meant && subscriptions::unsubscribe(conn, member, list.id, now)? {
                    left.push(list);
                }
            }
            Ok(left)
        }
    }
}
