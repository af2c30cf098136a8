//! What somebody may read, and until when: one pure function (protocol E.5, `reliability.md` P11).
//! `readership explain` prints the same verdicts, each with its reason.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::TierId;

/// What Stripe last said of a subscription, as far as access depends on it.
#[derive(Clone, Debug)]
pub struct SubscriptionFacts {
    pub id: String,
    pub status: String,
    /// `None`: it pays for something that is no tier of this site.
    pub tier: Option<TierId>,
    pub amount_minor: i64,
    pub cancel_at_period_end: bool,
    pub period_end: Timestamp,
    /// Since when money is owed.
    pub past_due_since: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Free access that staff gave.
#[derive(Clone, Debug)]
pub struct CompFacts {
    pub tier: TierId,
    pub until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Why something gives access, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Stripe says `active` or `trialing`.
    Paid,
    Trial,
    /// The period is paid to its end, and ends then.
    Ending,
    /// The period is over, and Stripe has not said yet what follows.
    Renewing,
    /// A payment failed, and Stripe is trying again.
    Grace,
    Comped,
    /// A payment failed, and the time for another card is over.
    GraceOver,
    Unpaid,
    Ended,
    /// The first payment never came.
    Incomplete,
    Paused,
    /// It pays for something that is no tier of this site.
    NoTier,
    CompOver,
}

impl Reason {
    /// In words, for `explain`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Paid => "it is paid",
            Self::Trial => "a trial runs",
            Self::Ending => "it is paid to the end of its period, and ends then",
            Self::Renewing => "its period is over, and Stripe has not said yet what follows",
            Self::Grace => "a payment failed, and access lasts while Stripe tries again",
            Self::Comped => "staff gave it free of charge",
            Self::GraceOver => "a payment failed, and the days of grace are over",
            Self::Unpaid => "Stripe has given up on an unpaid invoice",
            Self::Ended => "it has ended",
            Self::Incomplete => "its first payment never came",
            Self::Paused => "it is paused",
            Self::NoTier => "what it pays for is no tier of this site",
            Self::CompOver => "it was free of charge, and that is over",
        }
    }
}

/// What one subscription or gift of staff comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Stripe's id; `None` for what staff gave.
    pub subscription: Option<String>,
    pub tier: Option<TierId>,
    pub gives_access: bool,
    /// The last moment of it, as far as it is known.
    pub until: Option<Timestamp>,
    /// Money is paid for it.
    pub is_paid: bool,
    pub reason: Reason,
}

/// What a member may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Everything that was looked at; what gives access first.
    pub verdicts: Vec<Verdict>,
}

/// What a member counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Free,
    Paid,
    Comped,
}

impl Status {
    /// As the protocol writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Paid => "paid",
            Self::Comped => "comped",
        }
    }
}

impl Access {
    fn granted(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.gives_access)
    }

    pub fn status(&self) -> Status {
        if self.granted().any(|verdict| verdict.is_paid) {
            Status::Paid
        } else if self.granted().next().is_some() {
            Status::Comped
        } else {
            Status::Free
        }
    }

    /// The tiers that may be read, each once.
    pub fn tiers(&self) -> Vec<TierId> {
        let mut tiers: Vec<TierId> = self.granted().filter_map(|verdict| verdict.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        tiers
    }

    pub fn reads(&self, tier: TierId) -> bool {
        self.granted().any(|verdict| verdict.tier == Some(tier))
    }

    /// The first moment at which something that gives access now may end.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.granted().filter_map(|verdict| verdict.until).min()
    }

    /// The verdict that decides what the member counts as.
    pub fn deciding(&self) -> Option<&Verdict> {
        self.verdicts.first()
    }
}

/// What a member may read at `now`.
pub fn access(subscriptions: &[SubscriptionFacts], comps: &[CompFacts], grace: Duration, now: Timestamp) -> Access {
    let mut verdicts: Vec<Verdict> = subscriptions
        .iter()
        .map(|subscription| of_subscription(subscription, grace, now))
        .chain(comps.iter().map(|comp| of_comp(comp, now)))
        .collect();
    // A stable order, whatever order the rows came in: access first, paid first, the longest first.
    verdicts.sort_by_key(|verdict| {
        let longest = verdict.until.map_or(i64::MIN, |until| -until.millis());
        (!verdict.gives_access, !verdict.is_paid, longest, verdict.subscription.clone())
    });
    Access { verdicts }
}

fn of_subscription(subscription: &SubscriptionFacts, grace: Duration, now: Timestamp) -> Verdict {
    let end = subscription.period_end;
    let (last, while_it_lasts, afterwards) = match subscription.status.as_str() {
        "canceled" => (subscription.ended_at, Reason::Ending, Reason::Ended),
        "incomplete" | "incomplete_expired" => (None, Reason::Incomplete, Reason::Incomplete),
        "paused" => (None, Reason::Paused, Reason::Paused),
        // The period that is owed was never paid for.
        "unpaid" => (None, Reason::Unpaid, Reason::Unpaid),
        "past_due" => {
            let since = subscription.past_due_since.unwrap_or(end);
            (Some(since.plus(grace)), Reason::Grace, Reason::GraceOver)
        }
        _ if subscription.cancel_at_period_end => (Some(end), Reason::Ending, Reason::Ended),
        "trialing" if now < end => (Some(end), Reason::Trial, Reason::Ended),
        _ if now < end => (Some(end), Reason::Paid, Reason::Ended),
        // News of the renewal is late, or a status of tomorrow is not known here: nobody is locked out
        // for either before the days of grace are over.
        _ => (Some(end.plus(grace)), Reason::Renewing, Reason::GraceOver),
    };
    let lasts = last.is_some_and(|last| now < last);
    let gives_access = lasts && subscription.tier.is_some();
    Verdict {
        subscription: Some(subscription.id.clone()),
        tier: subscription.tier,
        gives_access,
        until: last,
        is_paid: subscription.amount_minor > 0,
        reason: match (lasts, subscription.tier) {
            (true, None) => Reason::NoTier,
            (true, Some(_)) => while_it_lasts,
            (false, _) => afterwards,
        },
    }
}

fn of_comp(comp: &CompFacts, now: Timestamp) -> Verdict {
    let until = [comp.until, comp.ended_at].into_iter().flatten().min();
    let gives_access = until.is_none_or(|until| now < until);
    Verdict {
        subscription: None,
        tier: Some(comp.tier),
        gives_access,
        until,
        is_paid: false,
        reason: if gives_access { Reason::Comped } else { Reason::CompOver },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn day(day: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(day * DAY))
    }

    fn tier() -> TierId {
        TierId::new(day(0))
    }

    fn subscription(status: &str) -> SubscriptionFacts {
        SubscriptionFacts {
            id: format!("sub_{status}"),
            status: status.to_owned(),
            tier: Some(tier()),
            amount_minor: 500,
            cancel_at_period_end: false,
            period_end: day(30),
            past_due_since: None,
            ended_at: None,
        }
    }

    fn judged(subscription: SubscriptionFacts, at: u64) -> (Status, Reason, Option<Timestamp>) {
        let access = access(&[subscription], &[], Duration::from_secs(7 * DAY), day(at));
        let verdict = access.deciding().unwrap().clone();
        (access.status(), verdict.reason, verdict.until)
    }

    #[test]
    fn the_table_of_states() {
        let (free, paid) = (Status::Free, Status::Paid);
        let ending = SubscriptionFacts { cancel_at_period_end: true, ..subscription("active") };
        let behind =
            SubscriptionFacts { past_due_since: Some(day(30)), period_end: day(60), ..subscription("past_due") };
        let ended = SubscriptionFacts { ended_at: Some(day(10)), ..subscription("canceled") };
        let elsewhere = SubscriptionFacts { tier: None, ..subscription("active") };
        for (given, at, wanted) in [
            (subscription("active"), 29, (paid, Reason::Paid, Some(day(30)))),
            (subscription("active"), 30, (paid, Reason::Renewing, Some(day(37)))),
            (subscription("active"), 36, (paid, Reason::Renewing, Some(day(37)))),
            (subscription("active"), 37, (free, Reason::GraceOver, Some(day(37)))),
            (subscription("trialing"), 5, (paid, Reason::Trial, Some(day(30)))),
            (subscription("trialing"), 30, (paid, Reason::Renewing, Some(day(37)))),
            (ending.clone(), 29, (paid, Reason::Ending, Some(day(30)))),
            (ending, 30, (free, Reason::Ended, Some(day(30)))),
            (behind.clone(), 36, (paid, Reason::Grace, Some(day(37)))),
            (behind, 37, (free, Reason::GraceOver, Some(day(37)))),
            (ended, 11, (free, Reason::Ended, Some(day(10)))),
            (subscription("unpaid"), 1, (free, Reason::Unpaid, None)),
            (subscription("incomplete"), 1, (free, Reason::Incomplete, None)),
            (subscription("incomplete_expired"), 1, (free, Reason::Incomplete, None)),
            (subscription("paused"), 1, (free, Reason::Paused, None)),
            (subscription("a status of tomorrow"), 1, (paid, Reason::Paid, Some(day(30)))),
            (elsewhere, 1, (free, Reason::NoTier, Some(day(30)))),
        ] {
            assert_eq!(judged(given.clone(), at), wanted, "{given:?} on day {at}");
        }
    }

    #[test]
    fn what_staff_gave_ends_on_its_day_and_yields_to_what_is_paid() {
        let comp = CompFacts { tier: tier(), until: Some(day(10)), ended_at: None };
        let with = |subscriptions: &[SubscriptionFacts], comp: &CompFacts, at| {
            access(subscriptions, std::slice::from_ref(comp), Duration::ZERO, day(at))
        };
        assert_eq!(with(&[], &comp, 9).status(), Status::Comped);
        assert_eq!(with(&[], &comp, 10).status(), Status::Free);
        assert_eq!(with(&[subscription("active")], &comp, 9).status(), Status::Paid);
        assert_eq!(with(&[subscription("canceled")], &comp, 9).status(), Status::Comped);
        let taken_back = CompFacts { ended_at: Some(day(3)), ..comp };
        assert_eq!(with(&[], &taken_back, 4).status(), Status::Free);
    }

    #[test]
    fn a_price_of_nothing_is_complimentary() {
        let free_of_charge = SubscriptionFacts { amount_minor: 0, ..subscription("active") };
        assert_eq!(judged(free_of_charge, 1).0, Status::Comped);
    }

    #[test]
    fn the_first_verdict_is_the_one_that_counts() {
        let of = |id: &str, amount_minor, end| SubscriptionFacts {
            id: id.to_owned(),
            amount_minor,
            period_end: day(end),
            ..subscription("active")
        };
        let for_ever = CompFacts { tier: tier(), until: None, ended_at: None };
        let ended =
            SubscriptionFacts { status: "canceled".to_owned(), ended_at: Some(day(90)), ..of("ended", 900, 90) };
        let unpaid = SubscriptionFacts { status: "unpaid".to_owned(), ..of("unpaid", 900, 90) };
        let all = [unpaid, of("given", 0, 80), of("short", 500, 20), of("long", 500, 40), ended];
        let access = access(&all, &[for_ever], Duration::ZERO, day(1));
        let order: Vec<Option<&str>> = access.verdicts.iter().map(|verdict| verdict.subscription.as_deref()).collect();
        // What gives access before what does not, what is paid before what is given, the longest first.
        assert_eq!(order, [Some("ended"), Some("long"), Some("short"), None, Some("given"), Some("unpaid")]);
        assert_eq!(access.ends_at(), Some(day(20)));
    }

    #[test]
    fn the_order_of_rows_makes_no_difference() {
        let (one, two) = (subscription("active"), subscription("past_due"));
        let there = access(&[one.clone(), two.clone()], &[], Duration::ZERO, day(1));
        assert_eq!(there, access(&[two, one], &[], Duration::ZERO, day(1)));
    }
}
