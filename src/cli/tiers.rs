//! `readership tiers`.

use anyhow::Context;
use clap::{Args, Subcommand};
use diesel::Connection;
use serde_json::json;

use crate::billing::money::Money;
use crate::billing::tiers::{self, Kind, Tier, Wishes};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{self, Conn};

#[derive(Subcommand)]
pub enum Action {
    /// List the tiers, the archived ones too.
    List {
        /// As JSON, with amounts in the currency's minor unit.
        #[arg(long)]
        json: bool,
    },
    /// Add a paid tier; prints its id.
    Add(Fields),
    /// Change a tier. Another amount makes another price; those who pay keep theirs.
    Edit {
        /// Its id or its slug.
        tier: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Take a tier out of sale; those who have it keep it.
    Archive {
        /// Its id or its slug.
        tier: String,
        /// Offer it again.
        #[arg(long)]
        undo: bool,
    },
}

#[derive(Args)]
pub struct Fields {
    /// Its name, as readers see it.
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// Three letters, such as usd.
    #[arg(long)]
    currency: Option<String>,
    /// What a month costs, in the currency's minor unit (500 is 5.00 USD); 0 for no monthly price.
    #[arg(long, value_name = "MINOR")]
    month: Option<i64>,
    /// What a year costs, in the currency's minor unit.
    #[arg(long, value_name = "MINOR")]
    year: Option<i64>,
    /// Days that are free for new subscribers.
    #[arg(long, value_name = "DAYS")]
    trial_days: Option<i32>,
    /// Something that comes with it; may stand there several times.
    #[arg(long = "benefit", value_name = "TEXT")]
    benefits: Vec<String>,
    /// The page that greets new subscribers.
    #[arg(long, value_name = "URL")]
    welcome_page: Option<String>,
    /// Where it stands among the others; the lowest first.
    #[arg(long, value_name = "NUMBER")]
    order: Option<i32>,
    /// Not in the list: for those who know its address.
    #[arg(long, conflicts_with = "public")]
    hidden: bool,
    /// In the list.
    #[arg(long)]
    public: bool,
}

impl Fields {
    fn wishes(&self) -> Wishes {
        Wishes {
            name: self.name.clone(),
            description: self.description.clone(),
            benefits: (!self.benefits.is_empty()).then(|| self.benefits.clone()),
            currency: self.currency.clone(),
            monthly_minor: self.month,
            yearly_minor: self.year,
            trial_days: self.trial_days,
            welcome_page_url: self.welcome_page.clone(),
            is_public: (self.hidden || self.public).then_some(self.public),
            sort_order: self.order,
        }
    }
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&settings.database)?;
    let now = Clock::system().now();
    match action {
        Action::List { json } => list(&mut conn, *json)?,
        Action::Add(fields) => println!("{}", conn.transaction(|conn| tiers::add(conn, &fields.wishes(), now))?),
        Action::Edit { tier, fields } => {
            let tier = find(&mut conn, tier)?;
            conn.transaction(|conn| tiers::edit(conn, tier.id, &fields.wishes(), now))?;
            list(&mut conn, false)?;
        }
        Action::Archive { tier, undo } => {
            let tier = find(&mut conn, tier)?;
            tiers::set_active(&mut conn, tier.id, *undo, now)?;
            list(&mut conn, false)?;
        }
    }
    if settings.stripe.is_none() && !matches!(action, Action::List { .. }) {
        eprintln!("Stripe is not set up: paid tiers are shown when READERSHIP_STRIPE_SECRET_KEY is set.");
    }
    Ok(())
}

/// A tier by its id or its slug.
pub fn find(conn: &mut Conn, name: &str) -> anyhow::Result<Tier> {
    tiers::find_named(conn, name)?
        .with_context(|| format!("there is no tier {name}; `readership tiers list` lists them"))
}

fn list(conn: &mut Conn, as_json: bool) -> anyhow::Result<()> {
    let all = tiers::all(conn)?;
    if as_json {
        let all: Vec<_> = all
            .iter()
            .map(|tier| {
                json!({
                    "id": tier.id.to_string(), "name": tier.name, "slug": tier.slug, "type": tier.kind.as_str(),
                    "description": tier.description, "benefits": tier.benefits, "currency": tier.currency,
                    "month": tier.monthly_minor, "year": tier.yearly_minor, "trial_days": tier.trial_days,
                    "welcome_page": tier.welcome_page_url, "public": tier.is_public, "active": tier.is_active,
                    "order": tier.sort_order,
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for tier in all {
        let price = |minor: Option<i64>, every: &str| {
            let money = Money::new(minor?, tier.currency.as_deref()?);
            Some(format!("{money} a {every}"))
        };
        let prices: Vec<String> =
            [price(tier.monthly_minor, "month"), price(tier.yearly_minor, "year")].into_iter().flatten().collect();
        let costs = if tier.kind == Kind::Free { "free".to_owned() } else { prices.join(", ") };
        let mut marks = Vec::new();
        if tier.trial_days > 0 {
            marks.push(format!("{} days of trial", tier.trial_days));
        }
        if !tier.is_public {
            marks.push("hidden".to_owned());
        }
        if !tier.is_active {
            marks.push("archived".to_owned());
        }
        let marks = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
        println!("{}  {}  [{}]  {costs}{marks}", tier.id, tier.name, tier.slug);
    }
    Ok(())
}
