//! `readership serve`.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use listenfd::ListenFd;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{staff, start_logging, until_told_to_stop};
use crate::app::{self, App, Running};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db;
use crate::staff::{links, stored_settings};

pub fn run(file: Option<&Path>) -> anyhow::Result<()> {
    let settings = with_stored(Settings::load(file)?)?;
    start_logging(&settings.log, settings.log_json)?;
    let metrics = if settings.metrics_listen.is_some() { Some(start_metrics()?) } else { None };
    actix_web::rt::System::new().block_on(async {
        let told = until_told_to_stop()?;
        tokio::pin!(told);
        // One socket for all that follows: whoever connects while settings change waits a moment.
        let listener = listener(&settings)?;
        let mut settings = settings;
        loop {
            let running = start(&listener, settings.clone(), metrics.clone()).await?;
            show_first_link(&running.app).await?;
            let is_over = tokio::select! {
                () = &mut told => true,
                () = running.app.renewal.asked() => false,
            };
            if is_over {
                tracing::info!("stopping: running requests and mails in the air are finished first");
            }
            running.stop().await;
            if is_over {
                break;
            }
            match with_stored(Settings::load(file)?) {
                Ok(renewed) => {
                    tracing::info!("settings were changed: starting anew with them");
                    settings = renewed;
                }
                Err(error) => {
                    tracing::error!("settings that were changed cannot be used, the former ones stay: {error:#}")
                }
            }
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// The socket that was handed over (`LISTEN_FDS`; systemd, "Socket activation"), else one of our own. Whoever
/// handed it over keeps it open while the program is replaced, and nobody is refused meanwhile.
fn listener(settings: &Settings) -> anyhow::Result<TcpListener> {
    let handed_over = ListenFd::from_env().take_tcp_listener(0).context("the socket handed over cannot be used")?;
    match handed_over {
        Some(listener) => Ok(listener),
        None => app::bind(settings.listen),
    }
}

async fn start(
    listener: &TcpListener,
    settings: Settings,
    metrics: Option<PrometheusHandle>,
) -> anyhow::Result<Running> {
    if settings.smtp.is_none() {
        tracing::warn!("no mail server is set (READERSHIP_SMTP_URL): mails wait in the outbox until it is");
    }
    let running = Running::start_on(listener.try_clone()?, settings, Clock::system(), metrics).await?;
    let settings = &running.app.settings;
    tracing::info!(
        address = %running.address,
        url = %settings.url,
        database = settings.database.masked(),
        "readership answers"
    );
    Ok(running)
}

/// The settings with what was changed in the pages of staff. A database that is not there yet, or is of
/// another version, holds none that could be used.
fn with_stored(settings: Settings) -> anyhow::Result<Settings> {
    let Ok(Some(key)) = settings.existing_key() else { return Ok(settings) };
    let Ok(mut conn) = db::open_beside(&settings.database) else { return Ok(settings) };
    let stored = stored_settings::read(&mut conn, &key)?;
    if stored.is_empty() { Ok(settings) } else { Ok(Settings::load_with(settings.file.as_deref(), &stored)?) }
}

/// As long as nobody runs the site, whoever can read this output may be the first
/// (`reliability.md` A11). It goes to standard output and never to the log.
pub async fn show_first_link(app: &App) -> anyhow::Result<()> {
    let (rules, now) = (app.rules.clone(), app.now());
    let token = app.db.write(move |conn| links::first(conn, &rules.key, &rules.settings, now)).await?;
    if let Some(token) = token {
        let link = staff::link(&app.settings, token.reveal());
        let said = writeln!(
            std::io::stdout(),
            "Nobody runs this site yet. This link makes the first account, once, within a day:\n  {link}"
        );
        if let Err(error) = said {
            tracing::warn!(%error, "the first link could not be shown; `readership staff add` makes another");
        }
    }
    Ok(())
}

/// Collects metrics, and folds them together often enough that they stay small.
fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    let upkeep = handle.clone();
    std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(5));
            upkeep.run_upkeep();
        }
    })?;
    Ok(handle)
}
