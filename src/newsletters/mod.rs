//! What they get: the site's mailing lists, who is on them, and the proof that they agreed.

pub mod consents;
pub mod editing;
pub mod subscriptions;
pub mod unsubscribing;

use diesel::prelude::*;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::db::schema::newsletters;
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::{self, NewsletterId};
use crate::texts::dashed;

/// A mailing list of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newsletter {
    pub id: NewsletterId,
    pub uuid: Uuid,
    pub name: String,
    pub slug: String,
    pub description: Option<String>,
    pub subscribe_on_signup: bool,
    pub sort_order: i32,
}

pub(crate) type NewsletterColumns = (
    newsletters::id,
    newsletters::uuid,
    newsletters::name,
    newsletters::slug,
    newsletters::description,
    newsletters::subscribe_on_signup,
    newsletters::sort_order,
);
pub(crate) type NewsletterRow = (NewsletterId, Vec<u8>, String, String, Option<String>, bool, i32);

pub(crate) const COLUMNS: NewsletterColumns = (
    newsletters::id,
    newsletters::uuid,
    newsletters::name,
    newsletters::slug,
    newsletters::description,
    newsletters::subscribe_on_signup,
    newsletters::sort_order,
);

impl TryFrom<NewsletterRow> for Newsletter {
    type Error = DbError;

    fn try_from(row: NewsletterRow) -> DbResult<Self> {
        let (id, uuid, name, slug, description, subscribe_on_signup, sort_order) = row;
        let uuid = Uuid::from_slice(&uuid).map_err(|error| DbError::Corrupt(error.to_string()))?;
        Ok(Self { id, uuid, name, slug, description, subscribe_on_signup, sort_order })
    }
}

/// The lists one can join now, in the site's order.
pub fn active(conn: &mut Conn) -> DbResult<Vec<Newsletter>> {
    newsletters::table
        .filter(newsletters::status.eq("active"))
        .order((newsletters::sort_order, newsletters::id))
        .select(COLUMNS)
        .load::<NewsletterRow>(conn)?
        .into_iter()
        .map(Newsletter::try_from)
        .collect()
}

/// On an empty database, makes the list that bears the site's name.
pub fn ensure_first(conn: &mut Conn, site_title: &str, now: Timestamp) -> DbResult<()> {
    let existing: i64 = newsletters::table.count().get_result(conn)?;
    if existing == 0 {
        add(conn, site_title, None, now)?;
    }
    Ok(())
}

/// Makes a list; its name must be new. Returns whether it was made.
pub fn add(conn: &mut Conn, name: &str, description: Option<&str>, now: Timestamp) -> DbResult<bool> {
    let last: Option<i32> = newsletters::table.select(diesel::dsl::max(newsletters::sort_order)).get_result(conn)?;
    let row = (
        newsletters::id.eq(NewsletterId::new(now)),
        newsletters::uuid.eq(ids::uuid().as_bytes().to_vec()),
        newsletters::name.eq(name),
        newsletters::slug.eq(slug(name)),
        newsletters::description.eq(description),
        newsletters::sort_order.eq(last.map_or(0, |last| last + 1)),
        newsletters::created_at.eq(now),
    );
    let added = on_either!(conn, conn => diesel::insert_into(newsletters::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    Ok(added == 1)
}

/// `REX Wire` → `rex-wire`; a name without a letter or digit gets a random one.
fn slug(name: &str) -> String {
    let slug = dashed(name);
    if slug.is_empty() { ids::uuid().simple().to_string() } else { slug }
}

/// Finds the lists a form or a client names, by name, slug, id or UUID.
///
/// The error holds the names that fit none.
pub fn choose(lists: &[Newsletter], wanted: &[String]) -> Result<Vec<NewsletterId>, Vec<String>> {
    let fits = |list: &Newsletter, text: &str| {
        list.name == text || list.slug == text || list.id.to_string() == text || list.uuid.to_string() == text
    };
    let mut chosen = Vec::new();
    let mut unknown = Vec::new();
    for text in wanted {
        match lists.iter().find(|list| fits(list, text)) {
            Some(list) if chosen.contains(&list.id) => {}
            Some(list) => chosen.push(list.id),
            None => unknown.push(text.clone()),
        }
    }
    if unknown.is_empty() { Ok(chosen) } else { Err(unknown) }
}

/// The lists that somebody joins who signs up without choosing.
pub fn defaults(lists: &[Newsletter]) -> Vec<NewsletterId> {
    lists.iter().filter(|list| list.subscribe_on_signup).map(|list| list.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str, subscribe_on_signup: bool) -> Newsletter {
        Newsletter {
            id: NewsletterId::new(Timestamp::from_millis(0)),
            uuid: ids::uuid(),
            name: name.to_owned(),
            slug: slug(name),
            description: None,
            subscribe_on_signup,
            sort_order: 0,
        }
    }

    #[test]
    fn lists_are_found_by_any_of_their_names() {
        let lists = [list("REX Wire", true), list("Sunday Long Read", false)];
        let by = |text: &str| choose(&lists, &[text.to_owned()]);
        assert_eq!(by("REX Wire"), Ok(vec![lists[0].id]));
        assert_eq!(by("sunday-long-read"), Ok(vec![lists[1].id]));
        assert_eq!(by(&lists[1].id.to_string()), Ok(vec![lists[1].id]));
        assert_eq!(by(&lists[1].uuid.to_string()), Ok(vec![lists[1].id]));
        assert_eq!(by("Nothing"), Err(vec!["Nothing".to_owned()]));
        assert_eq!(defaults(&lists), vec![lists[0].id]);
    }
}
