//! `coffre serve`: the vault, open and answering, until it is told to stop. Logs are JSON on standard error; what it
//! listens on is one line on standard output.

mod descriptors;
mod known_heads;
mod lines;
mod log;

use std::net::SocketAddr;

use clap::Args;
use coffre_server::{
    BackupSocket, ClientAuthority, Limits, OperatorOptions, ServeError, ServerOptions, SpoolOptions, TlsFiles,
};
use coffre_store::WhenFull;
use tracing::Level;

use crate::accounts;
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Backup, ClientCertificates, Operators, Tls};
use crate::daily_head;
use crate::drill;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, READERS, VaultArgument};

/// The arguments of `coffre serve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// Where the API listens; otherwise as configured, 127.0.0.1:7117 unless configured. Port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Take the database files for sound as they are: you know that another program opened them while the vault was down. The log tells it
    #[arg(long)]
    accept_pages: bool,
    /// What is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "COFFRE_LOG", default_value = "info")]
    log: String,
}

/// Opens the vault and serves it.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let place = Place::find(&arguments.vault, global)?;
    let _written_at_the_end = log_as_json(&arguments.log)?;
    let mut options = options(&place, arguments.listen)?;
    let policies = place.policies()?;
    let store = if arguments.accept_pages { place.open_as_it_is(&policies)? } else { place.open(&policies)? };
    known_heads::check(&place, &store)?;
    options.drills = drill::options(&place, &store);
    let audit = place.configuration.as_ref().map(|configuration| configuration.audit.clone()).unwrap_or_default();
    descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let tls = options.tls.is_some();
        let serving = coffre_server::serve(options, store.clone(), policies).await;
        let serving = serving.map_err(|error| with_place(error, &place))?;
        // A sealed vault is let go of: its keys are in memory for as long as a handle is.
        let over = serving.over();
        audit.daily_head.map(|to| {
            tokio::spawn(async move {
                tokio::select! {
                    () = daily_head::hand_over_daily(to, store) => {}
                    () = over => {}
                }
            })
        });
        // Before anybody is told that it runs, and may end it. Without handlers the signals end the process by themselves.
        if let Ok(told) = coffre_server::terminated() {
            let stop = serving.stop();
            tokio::spawn(async move {
                told.await;
                stop.now();
            });
        }
        announce(&place, serving.address(), tls)?;
        serving.stopped().await;
        Ok(Exit::Success)
    })
}

/// Says where the policies are that are not approved.
fn with_place(error: ServeError, place: &Place) -> anyhow::Error {
    let refused = matches!(error, ServeError::NotApproved(_));
    let folder = place.configuration.as_ref().and_then(|configuration| configuration.policies.as_deref());
    let policies = folder.map_or_else(|| "built into coffre".to_owned(), |folder| format!("in {}", folder.display()));
    let error = anyhow::Error::from(error);
    if refused { error.context(format!("the vault is not served with the policies {policies}")) } else { error }
}

/// For whoever started it, a script included: the address is known now, whichever port it is.
fn announce(place: &Place, address: SocketAddr, tls: bool) -> anyhow::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    Ok(output::line(format!("serving {} at {scheme}://{address}", place.directory.display()))?)
}

fn log_as_json(level: &str) -> anyhow::Result<log::Guard> {
    let level: Level = level
        .parse()
        .map_err(|_| Complaint::usage(format!("{level:?} is no log level"), "use error, warn, info, debug or trace"))?;
    let log = log::Log::default();
    let subscriber = tracing_subscriber::fmt().json().event_format(lines::Lines::default());
    let subscriber = subscriber.with_writer(log.clone()).with_max_level(level);
    subscriber
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging could not be started ({error}); this is a mistake in coffre"))?;
    Ok(log.start()?)
}

fn options(place: &Place, listen: Option<SocketAddr>) -> anyhow::Result<ServerOptions> {
    let configured = place.configuration.as_ref();
    let server = configured.map(|configuration| configuration.server.clone()).unwrap_or_default();
    let backup_socket = BackupSocket {
        path: place.backup_socket(),
        accounts: accounts::users(&server.backup_accounts)?,
        groups: accounts::groups(&server.backup_groups)?,
    };
    Ok(ServerOptions {
        listen: listen.unwrap_or(server.listen),
        tls: server.tls.map(tls),
        control_socket: Some(place.control_socket()),
        backup_socket: Some(backup_socket),
        witnesses: configured.map(|configuration| configuration.audit.witnesses.clone()).unwrap_or_default(),
        spool: configured.and_then(|configuration| configuration.backup.as_ref()).map(spool).transpose()?,
        reserve: server.reserve_mb.saturating_mul(1_000_000),
        drills: None,
        operators: configured.and_then(|configuration| configuration.operators.clone()).map(operators),
        limits: Limits { readers: READERS, ..Limits::default() },
        caller_limits: configured.map(|configuration| configuration.limits.into()).unwrap_or_default(),
        alerts: configured.map(|configuration| configuration.alerts.into()).unwrap_or_default(),
    })
}

/// The files of TLS, as the server takes them.
pub(crate) fn tls(tls: Tls) -> TlsFiles {
    let required = tls.client_certificates == Some(ClientCertificates::Required);
    let clients = tls.client_ca.map(|ca| ClientAuthority { ca, crl: tls.client_crl, required });
    TlsFiles { certificate: tls.certificate, key: tls.key, clients }
}

fn operators(operators: Operators) -> OperatorOptions {
    let jwks = operators.source();
    let Operators { issuer, audience, claim, methods, clock_skew_seconds, require_verified, .. } = operators;
    OperatorOptions { issuer, audience, jwks, claim, methods, clock_skew_seconds, require_verified }
}

fn spool(backup: &Backup) -> Result<SpoolOptions, Complaint> {
    Ok(SpoolOptions {
        folder: backup.spool()?.to_owned(),
        keep: backup.keep,
        continuous: backup.continuous,
        limit: backup.spool_limit(),
        awaits_confirmation: !backup.destinations.is_empty(),
        when_full: match backup.when_full {
            configuration::WhenFull::KeepServing => WhenFull::KeepServing,
            configuration::WhenFull::Refuse => WhenFull::Refuse,
        },
    })
}
