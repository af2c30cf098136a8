//! What happened to a member, in the order it happened.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::member_events;
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{MemberEventId, MemberId, NewsletterId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    SignedUp,
    /// Brought in from a file.
    Imported,
    SignedIn,
    SignedOut,
    SignedOutEverywhere,
    /// Every other browser.
    SignedOutElsewhere,
    Subscribed(NewsletterId),
    Unsubscribed(NewsletterId),
    EmailChanged,
    EmailChangeUndone,
    AskedToLeave,
    Stayed,
    BecamePaid,
    BecameComped,
    BecameFree,
}

impl Event {
    fn columns(self) -> (&'static str, Option<NewsletterId>) {
        match self {
            Self::SignedUp => ("signed_up", None),
            Self::Imported => ("imported", None),
            Self::SignedIn => ("signed_in", None),
            Self::SignedOut => ("signed_out", None),
            Self::SignedOutEverywhere => ("signed_out_everywhere", None),
            Self::SignedOutElsewhere => ("signed_out_elsewhere", None),
            Self::Subscribed(newsletter) => ("subscribed", Some(newsletter)),
            Self::Unsubscribed(newsletter) => ("unsubscribed", Some(newsletter)),
            Self::EmailChanged => ("email_changed", None),
            Self::EmailChangeUndone => ("email_change_undone", None),
            Self::AskedToLeave => ("asked_to_leave", None),
            Self::Stayed => ("stayed", None),
            Self::BecamePaid => ("became_paid", None),
            Self::BecameComped => ("became_comped", None),
            Self::BecameFree => ("became_free", None),
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = member_events, treat_none_as_default_value = false)]
struct Row {
    id: MemberEventId,
    member_id: MemberId,
    kind: &'static str,
    newsletter_id: Option<NewsletterId>,
    created_at: Timestamp,
}

impl Row {
    fn new(member_id: MemberId, event: Event, now: Timestamp) -> Self {
        let (kind, newsletter_id) = event.columns();
        Self { id: MemberEventId::new(now), member_id, kind, newsletter_id, created_at: now }
    }
}

pub fn record(conn: &mut Conn, member: MemberId, event: Event, now: Timestamp) -> DbResult<()> {
    diesel::insert_into(member_events::table).values(Row::new(member, event, now)).execute(conn)?;
    Ok(())
}

/// The same event of many.
pub fn record_all(conn: &mut Conn, members: &[MemberId], event: Event, now: Timestamp) -> DbResult<()> {
    let rows: Vec<Row> = members.iter().map(|member| Row::new(*member, event, now)).collect();
    on_either!(conn, conn => diesel::insert_into(member_events::table).values(&rows).execute(conn)?);
    Ok(())
}
