//! `readership offers`.

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::days;
use super::tiers::find as find_tier;
use crate::billing::offers::{self, NewOffer};
use crate::billing::prices::Cadence;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{self, Conn};

#[derive(Subcommand)]
pub enum Action {
    /// List the offers, with how often each was taken up.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add an offer; prints its id and its address.
    Add(Fields),
    /// End an offer; those who took it up keep it.
    Archive {
        /// Its id or its code.
        offer: String,
        /// Open it again.
        #[arg(long)]
        undo: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Duration {
    Once,
    Repeating,
    Forever,
}

#[derive(Args)]
pub struct Fields {
    /// Its name at Stripe and in lists.
    #[arg(long)]
    name: String,
    /// Letters, digits and hyphens, for its address.
    #[arg(long)]
    code: String,
    /// A heading for readers.
    #[arg(long)]
    title: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// The tier it is for, by id or slug.
    #[arg(long)]
    tier: Option<String>,
    /// For those who pay yearly; without it, monthly.
    #[arg(long)]
    yearly: bool,
    /// Percent off, 1 to 100.
    #[arg(long, group = "off")]
    percent: Option<i64>,
    /// Minor units off, in the currency of the tier.
    #[arg(long, group = "off", value_name = "MINOR")]
    amount: Option<i64>,
    /// Days of trial.
    #[arg(long, group = "off", value_name = "DAYS")]
    trial: Option<i64>,
    /// How long the discount counts.
    #[arg(long, value_enum, default_value = "once")]
    duration: Duration,
    /// With --duration repeating: for how many months.
    #[arg(long)]
    months: Option<i32>,
    /// To keep those who want to go, not to win new ones.
    #[arg(long)]
    retention: bool,
    /// Ends by itself on this day (YYYY-MM-DD).
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// Ends after so many took it up.
    #[arg(long, value_name = "NUMBER")]
    most: Option<i64>,
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&settings.database)?;
    let now = Clock::system().now();
    match action {
        Action::List { json } => list(&mut conn, *json),
        Action::Add(fields) => {
            let new = fields.read(&mut conn)?;
            let id = offers::add(&mut conn, &new, now)?;
            println!("{id}");
            if new.redemption == "signup" {
                println!("{}", settings.link(&format!("members/checkout/?offer={}", new.code)));
            }
            Ok(())
        }
        Action::Archive { offer, undo } => {
            let found = offers::find_named(&mut conn, offer)?;
            let found =
                found.with_context(|| format!("there is no offer {offer}; `readership offers list` lists them"))?;
            offers::set_active(&mut conn, found.id, *undo, now)?;
            list(&mut conn, false)
        }
    }
}

impl Fields {
    fn read(&self, conn: &mut Conn) -> anyhow::Result<NewOffer> {
        let tier = self.tier.as_deref().map(|name| find_tier(conn, name)).transpose()?;
        let (kind, amount) = match (self.percent, self.amount, self.trial) {
            (Some(percent), None, None) => ("percent", percent),
            (None, Some(minor), None) => ("fixed", minor),
            (None, None, Some(days)) => ("trial", days),
            _ => bail!("an offer gives --percent, --amount or --trial"),
        };
        let duration = match self.duration {
            _ if kind == "trial" => "trial",
            Duration::Once => "once",
            Duration::Repeating => "repeating",
            Duration::Forever => "forever",
        };
        Ok(NewOffer {
            name: self.name.clone(),
            code: self.code.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            kind: kind.to_owned(),
            redemption: if self.retention { "retention" } else { "signup" }.to_owned(),
            currency: tier.as_ref().and_then(|tier| tier.currency.clone()),
            tier: tier.map(|tier| tier.id),
            cadence: if self.yearly { Cadence::Year } else { Cadence::Month },
            amount,
            duration: duration.to_owned(),
            months: self.months,
            expires_at: self.expires.as_deref().map(days::end_of).transpose()?,
            most_redemptions: self.most,
        })
    }
}

fn list(conn: &mut Conn, as_json: bool) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    for offer in offers::all(conn)? {
        let taken = offers::redemptions(conn, offer.id)?;
        if as_json {
            shown.push(json!({
                "id": offer.id.to_string(), "name": offer.name, "code": offer.code, "type": offer.kind,
                "redemption_type": offer.redemption, "cadence": offer.cadence, "amount": offer.amount,
                "currency": offer.currency, "duration": offer.duration, "months": offer.months,
                "active": offer.is_active, "expires_at": offer.expires_at.map(crate::clock::Timestamp::iso8601),
                "most": offer.most_redemptions, "taken": taken,
            }));
        } else {
            let state = if offer.is_active { "" } else { "  (archived)" };
            println!(
                "{}  {}  [{}]  {} {} {}, {}, taken {taken} times{state}",
                offer.id, offer.name, offer.code, offer.kind, offer.amount, offer.duration, offer.redemption
            );
        }
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
    }
    Ok(())
}
