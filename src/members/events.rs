//! What happened to a member, in the order it happened.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::member_events;
use crate::db::{Conn, DbResult};
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

pub fn record(conn: &mut Conn, member: MemberId, event: Event, now: Timestamp) -> DbResult<()> {
    let (kind, newsletter) = event.columns();
    diesel::insert_into(member_events::table)
        .values((
            member_events::id.eq(MemberEventId::new(now)),
            member_events::member_id.eq(member),
            member_events::kind.eq(kind),
            member_events::newsletter_id.eq(newsletter),
            member_events::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}
