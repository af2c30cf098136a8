//! Answers to "who is here" that are kept in the process, on SQLite only.
//!
//! They are exact, not merely young: one process writes to the file, its writer notes in temporary
//! triggers which sessions a change concerns, and drops those here after the commit and before the
//! change is acknowledged. So whoever was told "signed out" is signed out. A command such as
//! `readership newsletters add`, a process of its own, is noticed within a quarter of a second.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use super::present::Present;
use crate::billing::tiers::Tier;
use crate::db::{Changed, Watch};
use crate::newsletters::Newsletter;
use crate::secrets::Sha256;

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Kept(Arc<RwLock<State>>);

/// What was known when somebody began to read. [`Kept::put`] refuses what changed since.
#[derive(Clone, Copy)]
pub struct Ticket(u64);

/// Two halves: when the younger is full it becomes the older, and what was older goes. So the
/// oldest go first, at no cost for each.
struct State {
    young: HashMap<Sha256, Arc<Present>>,
    old: HashMap<Sha256, Arc<Present>>,
    most: usize,
    /// Lists that members have in common are held once.
    lists: Vec<Arc<[Newsletter]>>,
    /// The site's tiers, as whoever pays was last read with them.
    tiers: Arc<[Tier]>,
    /// Counts changes; the newest ones with their number. Reads that began before the oldest of
    /// them are not kept.
    changes: u64,
    recent: VecDeque<(u64, Sha256)>,
    forgotten: u64,
}

/// Changes that are remembered for reads under way.
const RECENT: usize = 4_096;
/// Different combinations of newsletters that are shared.
const LISTS: usize = 64;

/// Notes the sessions that a change concerns; `NULL` stands for all of them.
const TRIGGERS: &str = "
    CREATE TEMP TRIGGER touched_session AFTER UPDATE ON main.sessions BEGIN
        INSERT INTO touched VALUES (OLD.token_hash); END;
    CREATE TEMP TRIGGER ended_session AFTER DELETE ON main.sessions BEGIN
        INSERT INTO touched VALUES (OLD.token_hash); END;
    CREATE TEMP TRIGGER touched_member AFTER UPDATE ON main.members BEGIN
        INSERT INTO touched SELECT token_hash FROM sessions WHERE member_id = NEW.id; END;
    CREATE TEMP TRIGGER joined_list AFTER INSERT ON main.newsletter_subscriptions BEGIN
        INSERT INTO touched SELECT token_hash FROM sessions WHERE member_id = NEW.member_id; END;
    CREATE TEMP TRIGGER left_list AFTER DELETE ON main.newsletter_subscriptions BEGIN
        INSERT INTO touched SELECT token_hash FROM sessions WHERE member_id = OLD.member_id; END;
    CREATE TEMP TRIGGER new_list AFTER INSERT ON main.newsletters BEGIN INSERT INTO touched VALUES (NULL); END;
    CREATE TEMP TRIGGER changed_list AFTER UPDATE ON main.newsletters BEGIN INSERT INTO touched VALUES (NULL); END;
    CREATE TEMP TRIGGER dropped_list AFTER DELETE ON main.newsletters BEGIN INSERT INTO touched VALUES (NULL); END;
    CREATE TEMP TRIGGER new_tier AFTER INSERT ON main.tiers BEGIN INSERT INTO touched VALUES (NULL); END;
    CREATE TEMP TRIGGER changed_tier AFTER UPDATE ON main.tiers BEGIN INSERT INTO touched VALUES (NULL); END;
    CREATE TEMP TRIGGER new_suppression AFTER INSERT ON main.suppressions BEGIN
        INSERT INTO touched SELECT token_hash FROM sessions JOIN members ON members.id = sessions.member_id
            WHERE members.email_key = NEW.email_key; END;
    CREATE TEMP TRIGGER changed_suppression AFTER UPDATE ON main.suppressions BEGIN
        INSERT INTO touched SELECT token_hash FROM sessions JOIN members ON members.id = sessions.member_id
            WHERE members.email_key = NEW.email_key; END;
    CREATE TEMP TRIGGER lifted_suppression AFTER DELETE ON main.suppressions BEGIN
        INSERT INTO touched SELECT token_hash FROM sessions JOIN members ON members.id = sessions.member_id
            WHERE members.email_key = OLD.email_key; END;
";

impl Kept {
    /// Keeps up to `most` answers, about 400 bytes each.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(RwLock::new(State {
            young: HashMap::new(),
            old: HashMap::new(),
            most,
            lists: Vec::new(),
            tiers: Arc::default(),
            changes: 0,
            recent: VecDeque::new(),
            forgotten: 0,
        })))
    }

    /// What the writer must do so that nothing here is ever out of date.
    pub fn watch(&self) -> Watch {
        let kept = self.clone();
        Watch { triggers: TRIGGERS, tell: Arc::new(move |changed| kept.forget(changed)) }
    }

    pub fn get(&self, session: &Sha256) -> Option<Arc<Present>> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.young.get(session).or_else(|| state.old.get(session)).cloned()
    }

    /// To be taken before reading what will be put.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.0.read().unwrap_or_else(PoisonError::into_inner).changes)
    }

    /// Keeps an answer, unless a change since the ticket concerns it.
    pub fn put(&self, session: Sha256, mut present: Present, ticket: Ticket) -> Arc<Present> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        present.newsletters = state.shared(present.newsletters);
        if let Some(standing) = present.billing.as_mut().and_then(Arc::get_mut) {
            standing.tiers = state.shared_tiers(&standing.tiers);
        }
        let present = Arc::new(present);
        if state.is_as_it_was(&session, ticket) {
            if state.young.len() >= state.most / 2 {
                state.old = std::mem::take(&mut state.young);
            }
            state.young.insert(session, Arc::clone(&present));
        }
        present
    }

    fn forget(&self, changed: Changed<'_>) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match changed {
            Changed::Everything => {
                state.changes += 1;
                state.forgotten = state.changes;
                state.recent.clear();
                state.young.clear();
                state.old.clear();
                state.lists.clear();
            }
            Changed::Keys(sessions) => {
                for session in sessions {
                    // Whatever is no session was never kept.
                    let Ok(session) = Sha256::try_from(&session[..]) else { continue };
                    state.changes += 1;
                    let number = state.changes;
                    state.young.remove(&session);
                    state.old.remove(&session);
                    state.recent.push_back((number, session));
                    if state.recent.len() > RECENT
                        && let Some((number, _)) = state.recent.pop_front()
                    {
                        state.forgotten = number;
                    }
                }
            }
        }
    }
}

impl State {
    fn is_as_it_was(&self, session: &Sha256, Ticket(taken): Ticket) -> bool {
        taken >= self.forgotten
            && !self
                .recent
                .iter()
                .rev()
                .take_while(|(number, _)| *number > taken)
                .any(|(_, changed)| changed == session)
    }

    fn shared_tiers(&mut self, tiers: &Arc<[Tier]>) -> Arc<[Tier]> {
        if *self.tiers != **tiers {
            self.tiers = Arc::clone(tiers);
        }
        Arc::clone(&self.tiers)
    }

    fn shared(&mut self, newsletters: Arc<[Newsletter]>) -> Arc<[Newsletter]> {
        if let Some(known) = self.lists.iter().find(|known| ***known == *newsletters) {
            return Arc::clone(known);
        }
        if self.lists.len() < LISTS {
            self.lists.push(Arc::clone(&newsletters));
        }
        newsletters
    }
}

#[cfg(test)]
mod tests {
    use super::super::present::tests::somebody;
    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::NewsletterId;

    const ADA: Sha256 = [1; 32];
    const BOB: Sha256 = [2; 32];

    fn put(kept: &Kept, session: Sha256, ticket: Ticket) {
        kept.put(session, somebody(Timestamp::from_millis(0)), ticket);
    }

    fn forgets(kept: &Kept, sessions: &[Sha256]) {
        let keys: Vec<Vec<u8>> = sessions.iter().map(|session| session.to_vec()).collect();
        kept.forget(Changed::Keys(&keys));
    }

    #[test]
    fn what_is_put_is_there_until_it_changes() {
        let kept = Kept::new(100);
        put(&kept, ADA, kept.ticket());
        put(&kept, BOB, kept.ticket());
        assert!(kept.get(&ADA).is_some() && kept.get(&BOB).is_some());
        forgets(&kept, &[ADA]);
        assert!(kept.get(&ADA).is_none() && kept.get(&BOB).is_some());
        kept.forget(Changed::Everything);
        assert!(kept.get(&BOB).is_none());
        put(&kept, BOB, kept.ticket());
        assert!(kept.get(&BOB).is_some());
    }

    /// Somebody reads, signs out meanwhile, and what was read before must not come back.
    #[test]
    fn what_changed_since_it_was_read_is_not_kept() {
        let kept = Kept::new(100);
        let ticket = kept.ticket();
        forgets(&kept, &[ADA]);
        put(&kept, ADA, ticket);
        assert!(kept.get(&ADA).is_none());
        // Of others it does not matter.
        put(&kept, BOB, ticket);
        assert!(kept.get(&BOB).is_some());
        // What was read since then is as it is.
        let later = kept.ticket();
        put(&kept, ADA, later);
        assert!(kept.get(&ADA).is_some());
        kept.forget(Changed::Everything);
        put(&kept, BOB, later);
        assert!(kept.get(&BOB).is_none());
    }

    /// Only so many changes are remembered; whoever began to read before those is not kept.
    #[test]
    fn a_reading_older_than_what_is_remembered_is_not_kept() {
        let number = |number: usize| -> Sha256 {
            let mut session = [0; 32];
            session[..8].copy_from_slice(&number.to_be_bytes());
            session
        };
        let kept = Kept::new(100);
        let before = kept.ticket();
        (0..RECENT).for_each(|one| forgets(&kept, &[number(one)]));
        put(&kept, ADA, before);
        assert!(kept.get(&ADA).is_some(), "every change since is still remembered");
        assert_eq!(kept.0.read().unwrap().recent.len(), RECENT);
        forgets(&kept, &[BOB]);
        assert_eq!(kept.0.read().unwrap().recent.len(), RECENT);
        put(&kept, number(0), before);
        assert!(kept.get(&number(0)).is_none(), "its own change was the oldest, and is remembered no more");
        put(&kept, number(9_999), before);
        assert!(kept.get(&number(9_999)).is_none(), "nobody can say whether it changed");
    }

    #[test]
    fn the_oldest_go_first() {
        let kept = Kept::new(4);
        let sessions: Vec<Sha256> = (0..6).map(|number| [number; 32]).collect();
        for session in &sessions[..4] {
            put(&kept, *session, kept.ticket());
        }
        assert!(sessions[..4].iter().all(|session| kept.get(session).is_some()));
        put(&kept, sessions[4], kept.ticket());
        let there: Vec<bool> = sessions.iter().map(|session| kept.get(session).is_some()).collect();
        assert_eq!(there, [false, false, true, true, true, false]);
    }

    #[test]
    fn lists_in_common_are_held_once() {
        let list = |number: i32| -> Arc<[Newsletter]> {
            Arc::from(vec![Newsletter {
                id: NewsletterId::edge(Timestamp::from_millis(i64::from(number))),
                uuid: uuid::Uuid::nil(),
                name: "REX Wire".to_owned(),
                slug: "rex-wire".to_owned(),
                description: None,
                subscribe_on_signup: true,
                sort_order: number,
            }])
        };
        let kept = Kept::new(1_000);
        let with = |session: u8, number| {
            let mut present = somebody(Timestamp::from_millis(0));
            present.newsletters = list(number);
            kept.put([session; 32], present, kept.ticket()).newsletters.clone()
        };
        assert!(Arc::ptr_eq(&with(1, 7), &with(2, 7)));
        for number in 0..200 {
            with(3, number);
        }
        assert_eq!(kept.0.read().unwrap().lists.len(), LISTS);
    }
}
