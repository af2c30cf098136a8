//! Listening: actix's server with our own stream under each connection.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use tokio::net::TcpStream;

use super::connection::{Deadlines, GuardedStream, Slots};
use super::{health, routes};
use crate::app::App;
use crate::config::millis;
use crate::limits::ClientNetwork;

/// Serves the product on `listener`, and `/metrics` on a listener of its own.
pub fn run(app: App, listener: TcpListener, metrics: Option<TcpListener>) -> anyhow::Result<Server> {
    let http = &app.settings.http;
    let workers = match http.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        some => usize::try_from(some)?,
    };
    let per_worker = usize::try_from(http.connections)?.div_ceil(workers);
    let builder = Server::build()
        .workers(workers)
        .backlog(1_024)
        .max_concurrent_connections(per_worker)
        .disable_signals()
        .shutdown_timeout(http.shutdown_s);
    let shutdown = builder.graceful_shutdown_signal();
    if let Some(metrics) = &metrics {
        metrics.set_nonblocking(true)?;
    }
    let slots = Slots::default();
    let product = app.clone();
    let mut builder = builder.listen("readership", listener, move || {
        let (app, slots, shutdown) = (product.clone(), slots.clone(), shutdown.clone());
        let http = &app.settings.http;
        let deadlines = Deadlines::from(http);
        let service = HttpService::build()
            .keep_alive(millis(http.keep_alive_ms))
            // Our stream keeps this deadline, for every head; actix's own timer is up to 500 ms off.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(millis(1_000))
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            .on_connect_ext(|stream: &GuardedStream, data| {
                data.insert(stream.progress());
            })
            .h1(map_config(routes::app(app.clone()).into_factory(), |()| AppConfig::default()));
        fn_service(move |tcp: TcpStream| {
            let guarded = guard(&app, &slots, deadlines, tcp);
            async move { guarded }
        })
        .and_then(service)
    })?;
    if let Some(listener) = metrics {
        builder = builder.listen("metrics", listener, move || {
            let app = app.clone();
            HttpService::build()
                .h1(map_config(health::metrics_app(app).into_factory(), |()| AppConfig::default()))
                .tcp()
        })?;
    }
    Ok(builder.run())
}

/// Gives a connection its deadlines, and a place among those of its client.
fn guard(
    app: &App,
    slots: &Slots,
    deadlines: Deadlines,
    tcp: TcpStream,
) -> Result<(GuardedStream, Option<SocketAddr>), DispatchError> {
    let peer = tcp.peer_addr().map_err(DispatchError::Io)?;
    tcp.set_nodelay(true).map_err(DispatchError::Io)?;
    let client = ClientNetwork::of(peer.ip());
    let settings = &app.settings;
    let is_counted = !client.is_loopback() && !settings.trusted_proxies.iter().any(|proxy| proxy.contains(peer.ip()));
    let slot = if is_counted {
        let slot = slots.take(client, settings.http.connections_per_client);
        if slot.is_none() {
            metrics::counter!("readership_connections_refused_total").increment(1);
            return Err(DispatchError::Io(std::io::Error::other("too many connections of one client")));
        }
        slot
    } else {
        None
    };
    Ok((GuardedStream::new(tcp, deadlines, slot), Some(peer)))
}
