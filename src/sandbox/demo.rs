//! `readership demo`: the newsroom, the product, an inbox and a stand-in for Stripe, each on a port of
//! its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App as ActixApp, HttpServer};
use anyhow::{Context, bail};
use url::Url;

use super::inbox_pages::{self, InboxPages};
use super::mailbox::Mailbox;
use super::newsroom::{self, Newsroom};
use super::smtp::{self, Offer, Orders};
use super::stripe::{self, StandIn};
use crate::app::Running;
use crate::billing::offers::{self, NewOffer};
use crate::billing::prices::Cadence;
use crate::billing::tiers::{self, Kind, Wishes};
use crate::clock::{Clock, Timestamp};
use crate::config::{DatabaseUrl, Donations, Settings, StripeSettings};
use crate::db::Conn;
use crate::mail::smtp::SmtpServer;

/// What the demo is asked to be.
pub struct DemoOptions {
    /// The newsroom's port; the product, the inbox, its mail server and the stand-in for Stripe take the
    /// next four.
    pub port: u16,
    pub data_dir: PathBuf,
    pub database: Option<DatabaseUrl>,
}

/// Signs the events of the stand-in; of no use anywhere else.
const WEBHOOK_SECRET: &str = "whsec_sandbox";

/// A demo that runs.
pub struct Demo {
    pub newsroom: Url,
    pub members: Url,
    pub inbox: Url,
    /// Where the stand-in for Stripe is.
    pub bank: Url,
    pub mailbox: Mailbox,
    pub stripe: StandIn,
    pub clock: Clock,
    pub running: Running,
    /// The file that the stand-in's account is kept in.
    account: PathBuf,
    pages: Vec<ServerHandle>,
}

impl Demo {
    /// Starts all of it. Must be called inside an actix system.
    pub async fn start(options: DemoOptions) -> anyhow::Result<Self> {
        // All ports are taken before anything starts, so that one line says which is not free.
        let [site, members, inbox, mail, bank] = bind_five(options.port)?;
        let url = |listener: &TcpListener| -> anyhow::Result<Url> {
            Ok(Url::parse(&format!("http://{}/", listener.local_addr()?))?)
        };
        let (newsroom_url, members_url, inbox_url, bank_url) = (url(&site)?, url(&members)?, url(&inbox)?, url(&bank)?);

        let (clock, mailbox) = (Clock::system(), Mailbox::default());
        let smtp = SmtpServer::parse(&format!("smtp://{}", mail.local_addr()?), None).map_err(anyhow::Error::msg)?;
        mail.set_nonblocking(true)?;
        let mail = tokio::net::TcpListener::from_std(mail)?;
        tokio::spawn(smtp::serve(mail, mailbox.clone(), Orders::default(), Offer::default()));

        std::fs::create_dir_all(&options.data_dir)
            .with_context(|| format!("cannot make {}", options.data_dir.display()))?;
        let account = options.data_dir.join("stripe.json");
        let stripe = StandIn::new(clock.clone(), bank_url.as_str()).load(&account)?;
        stripe.tells(&format!("{members_url}members/webhooks/stripe/"), WEBHOOK_SECRET);
        tokio::spawn(stripe.clone().tell_everybody());
        tokio::spawn(keep_account(stripe.clone(), account.clone()));

        let newsroom =
            Newsroom { members_url: members_url.to_string(), inbox_url: inbox_url.to_string(), with_script: true };
        let inbox_pages =
            InboxPages { mailbox: mailbox.clone(), clock: clock.clone(), newsroom_url: newsroom_url.to_string() };
        let newsroom = HttpServer::new(move || ActixApp::new().configure(newsroom::routes(newsroom.clone())));
        let inbox_server = HttpServer::new(move || ActixApp::new().configure(inbox_pages::routes(inbox_pages.clone())));
        let at_stripe = stripe.clone();
        let bank_server = HttpServer::new(move || ActixApp::new().configure(stripe::server::routes(at_stripe.clone())));
        let pages = [
            bank_server.workers(1).disable_signals().listen(bank)?.run(),
            newsroom.workers(1).disable_signals().listen(site)?.run(),
            inbox_server.workers(1).disable_signals().listen(inbox)?.run(),
        ];
        let handles = pages.iter().map(actix_web::dev::Server::handle).collect();
        for server in pages {
            tokio::spawn(server);
        }

        let settings = settings(&options, &newsroom_url, &members_url, &bank_url, smtp)?;
        let running = Running::start_on(members, settings, clock.clone(), None).await?;
        let now = clock.now();
        running.app.db.write(move |conn| Ok(seed(conn, now))).await??;
        Ok(Self {
            newsroom: newsroom_url,
            members: members_url,
            inbox: inbox_url,
            bank: bank_url,
            mailbox,
            stripe,
            account,
            clock,
            running,
            pages: handles,
        })
    }

    pub async fn stop(self) {
        for page in self.pages {
            page.stop(false).await;
        }
        self.running.stop().await;
        if let Err(error) = self.stripe.save(&self.account) {
            tracing::warn!(%error, "the stand-in for Stripe could not be kept");
        }
    }
}

/// Keeps the stand-in's account, so that a demo that is killed goes on where it was.
async fn keep_account(stripe: StandIn, file: PathBuf) {
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        // The folder may be gone, at the end of a test.
        let _ = stripe.save(&file);
    }
}

/// What the newsroom sells.
fn seed(conn: &mut Conn, now: Timestamp) -> anyhow::Result<()> {
    if tiers::all(conn)?.iter().any(|tier| tier.kind == Kind::Paid) {
        return Ok(());
    }
    let words = |list: &[&str]| Some(list.iter().map(|text| (*text).to_owned()).collect());
    let supporter = Wishes {
        name: Some("Supporter".to_owned()),
        description: Some("Every story, without waiting.".to_owned()),
        currency: Some("usd".to_owned()),
        monthly_minor: Some(500),
        yearly_minor: Some(5_000),
        ..Wishes::default()
    };
    let patron = Wishes {
        name: Some("Patron".to_owned()),
        description: Some("For those who keep the ferry running.".to_owned()),
        benefits: words(&["Every story", "A letter from the editors each month"]),
        currency: Some("usd".to_owned()),
        monthly_minor: Some(1_200),
        yearly_minor: Some(12_000),
        trial_days: Some(14),
        ..Wishes::default()
    };
    let supporter = tiers::add(conn, &supporter, now)?;
    tiers::add(conn, &patron, now)?;
    let offer = |name: &str, code: &str, redemption: &str, tier, amount| NewOffer {
        name: name.to_owned(),
        code: code.to_owned(),
        title: None,
        description: None,
        kind: "percent".to_owned(),
        redemption: redemption.to_owned(),
        tier,
        cadence: Cadence::Month,
        amount,
        currency: None,
        duration: "repeating".to_owned(),
        months: Some(3),
        expires_at: None,
        most_redemptions: None,
    };
    offers::add(conn, &offer("Spring", "spring", "signup", Some(supporter), 20), now)?;
    offers::add(conn, &offer("Please stay", "stay", "retention", None, 50), now)?;
    Ok(())
}

fn settings(
    options: &DemoOptions,
    newsroom: &Url,
    members: &Url,
    bank: &Url,
    smtp: SmtpServer,
) -> anyhow::Result<Settings> {
    let database =
        options.database.clone().unwrap_or_else(|| DatabaseUrl::Sqlite(options.data_dir.join("readership.db")));
    let mut settings = Settings::new(members.clone(), database, options.data_dir.clone());
    settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, members.port().context("the demo has a port")?));
    settings.site_url = newsroom.clone();
    settings.site_title = "REX Wire".to_owned();
    settings.smtp = Some(smtp);
    settings.mail_from =
        Some("REX Wire <wire@rexwire.test>".parse().map_err(|()| anyhow::anyhow!("a constant sender"))?);
    settings.stripe = Some(StripeSettings {
        secret_key: "sk_test_sandbox".into(),
        publishable_key: "pk_test_sandbox".to_owned(),
        webhook_secrets: vec![WEBHOOK_SECRET.into()],
        api_base: bank.clone(),
    });
    settings.donations = Some(Donations { currency: "usd".to_owned(), suggested_minor: 500 });
    // The demo's clock moves by months; nobody is to be signed out by that.
    settings.lifetimes.session_idle_s = 31_536_000;
    settings.lifetimes.session_absolute_s = 63_072_000;
    // Whoever tries the pages of staff has no second device at hand.
    settings.staff.second_factor = 0;
    // So that there is a newsletter-like mail with a link to unsubscribe.
    settings.welcome_mail = true;
    // Whoever tries things out asks more often than a reader would.
    settings.limits.client_per_minute = 0;
    settings.limits.client_per_hour = 0;
    settings.limits.address_gap_s = 0;
    settings.limits.address_per_15m = 0;
    settings.limits.address_per_hour = 0;
    settings.limits.address_per_day = 0;
    Ok(settings)
}

/// Five neighbouring ports, or, for port 0, any five.
fn bind_five(port: u16) -> anyhow::Result<[TcpListener; 5]> {
    let mut listeners = Vec::new();
    for offset in 0..5 {
        let wanted = if port == 0 { 0 } else { port.checked_add(offset).context("there are only 65535 ports")? };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => bail!(
                "port {wanted} cannot be used ({error}); the demo needs five in a row, try `readership demo --port {}`",
                port.saturating_add(1_000)
            ),
        }
    }
    listeners.try_into().map_err(|_| anyhow::anyhow!("five listeners were bound"))
}
