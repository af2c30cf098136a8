//! `readership serve`.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{staff, start_logging, until_told_to_stop};
use crate::app::{App, Running};
use crate::clock::Clock;
use crate::config::Settings;
use crate::staff::links;

pub fn run(settings: Settings) -> anyhow::Result<()> {
    start_logging(&settings.log, settings.log_json)?;
    let metrics = if settings.metrics_listen.is_some() { Some(start_metrics()?) } else { None };
    if settings.smtp.is_none() {
        tracing::warn!("READERSHIP_SMTP_URL is not set: mails wait in the outbox until it is");
    }
    actix_web::rt::System::new().block_on(async {
        let running = Running::start(settings, Clock::system(), metrics).await?;
        let settings = &running.app.settings;
        tracing::info!(
            address = %running.address,
            url = %settings.url,
            database = settings.database.masked(),
            "readership answers"
        );
        show_first_link(&running.app).await?;
        until_told_to_stop().await?;
        tracing::info!("stopping: running requests and mails in the air are finished first");
        running.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// As long as nobody runs the site, whoever can read this output may be the first
/// (`reliability.md` A11). It goes to standard output and never to the log.
pub async fn show_first_link(app: &App) -> anyhow::Result<()> {
    let (rules, now) = (app.rules.clone(), app.now());
    let token = app.db.write(move |conn| links::first(conn, &rules.key, &rules.settings, now)).await?;
    if let Some(token) = token {
        println!("Nobody runs this site yet. This link makes the first account, once, within a day:");
        println!("  {}", staff::link(&app.settings, token.reveal()));
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
