//! `readership demo`: the newsroom, the product and an inbox, each on a port of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use actix_web::dev::ServerHandle;
use actix_web::{App as ActixApp, HttpServer};
use anyhow::{Context, bail};
use url::Url;

use super::inbox_pages::{self, InboxPages};
use super::mailbox::Mailbox;
use super::newsroom::{self, Newsroom};
use super::smtp::{self, Offer, Orders};
use crate::app::Running;
use crate::clock::Clock;
use crate::config::{DatabaseUrl, Settings};
use crate::mail::smtp::SmtpServer;

/// What the demo is asked to be.
pub struct DemoOptions {
    /// The newsroom's port; the product, the inbox and its mail server take the next three.
    pub port: u16,
    pub data_dir: PathBuf,
    pub database: Option<DatabaseUrl>,
}

/// A demo that runs.
pub struct Demo {
    pub newsroom: Url,
    pub members: Url,
    pub inbox: Url,
    pub mailbox: Mailbox,
    pub clock: Clock,
    pub running: Running,
    pages: Vec<ServerHandle>,
}

impl Demo {
    /// Starts all four. Must be called inside an actix system.
    pub async fn start(options: DemoOptions) -> anyhow::Result<Self> {
        // All ports are taken before anything starts, so that one line says which is not free.
        let [site, members, inbox, mail] = bind_four(options.port)?;
        let url = |listener: &TcpListener| -> anyhow::Result<Url> {
            Ok(Url::parse(&format!("http://{}/", listener.local_addr()?))?)
        };
        let (newsroom_url, members_url, inbox_url) = (url(&site)?, url(&members)?, url(&inbox)?);

        let (clock, mailbox) = (Clock::system(), Mailbox::default());
        let smtp = SmtpServer::parse(&format!("smtp://{}", mail.local_addr()?), None).map_err(anyhow::Error::msg)?;
        mail.set_nonblocking(true)?;
        let mail = tokio::net::TcpListener::from_std(mail)?;
        tokio::spawn(smtp::serve(mail, mailbox.clone(), Orders::default(), Offer::default()));

        let newsroom =
            Newsroom { members_url: members_url.to_string(), inbox_url: inbox_url.to_string(), with_script: true };
        let inbox_pages =
            InboxPages { mailbox: mailbox.clone(), clock: clock.clone(), newsroom_url: newsroom_url.to_string() };
        let newsroom = HttpServer::new(move || ActixApp::new().configure(newsroom::routes(newsroom.clone())));
        let inbox_server = HttpServer::new(move || ActixApp::new().configure(inbox_pages::routes(inbox_pages.clone())));
        let pages = [
            newsroom.workers(1).disable_signals().listen(site)?.run(),
            inbox_server.workers(1).disable_signals().listen(inbox)?.run(),
        ];
        let handles = pages.iter().map(actix_web::dev::Server::handle).collect();
        for server in pages {
            tokio::spawn(server);
        }

        let settings = settings(&options, &newsroom_url, &members_url, smtp)?;
        let running = Running::start_on(members, settings, clock.clone(), None).await?;
        Ok(Self {
            newsroom: newsroom_url,
            members: members_url,
            inbox: inbox_url,
            mailbox,
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
    }
}

fn settings(options: &DemoOptions, newsroom: &Url, members: &Url, smtp: SmtpServer) -> anyhow::Result<Settings> {
    let database =
        options.database.clone().unwrap_or_else(|| DatabaseUrl::Sqlite(options.data_dir.join("readership.db")));
    let mut settings = Settings::new(members.clone(), database, options.data_dir.clone());
    settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, members.port().context("the demo has a port")?));
    settings.site_url = newsroom.clone();
    settings.site_title = "REX Wire".to_owned();
    settings.smtp = Some(smtp);
    settings.mail_from =
        Some("REX Wire <wire@rexwire.test>".parse().map_err(|()| anyhow::anyhow!("a constant sender"))?);
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

/// Four neighbouring ports, or, for port 0, any four.
fn bind_four(port: u16) -> anyhow::Result<[TcpListener; 4]> {
    let mut listeners = Vec::new();
    for offset in 0..4 {
        let wanted = if port == 0 { 0 } else { port.checked_add(offset).context("there are only 65535 ports")? };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => bail!(
                "port {wanted} cannot be used ({error}); the demo needs four in a row, try `readership demo --port {}`",
                port.saturating_add(1_000)
            ),
        }
    }
    listeners.try_into().map_err(|_| anyhow::anyhow!("four listeners were bound"))
}
