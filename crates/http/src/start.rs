//! Starts a node with its server, and ends both in order: first the clients, then
//! the driver, which writes everything down last. When to end, the caller decides.

use std::net::SocketAddr;
use std::sync::Arc;

use adit_node::assembly::{self, NodeSettings, ServeError};
use adit_node::handle::NodeHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::allowed_hosts::AllowedHosts;
use crate::allowed_origins::AllowedOrigin;
use crate::base_path::BasePath;
use crate::caller::Access;
use crate::class::Class;
use crate::server;
use crate::token::ApiToken;

/// What a node with a server is started with.
pub struct Settings {
    /// Where it listens; bound already, so that a port that is taken is known
    /// before anything else happens.
    pub listener: TcpListener,
    /// The node.
    pub node: NodeSettings,
    /// Below which path of its host it is found.
    pub base_path: BasePath,
    /// Names under which it may be addressed, besides those of this machine.
    pub allowed_hosts: Vec<String>,
    /// Of which other sites the pages may do what everybody may.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// What its operator shows from other machines than its own.
    pub api_token: Option<ApiToken>,
    /// The class that it is shown to.
    pub class: Option<Arc<Class>>,
}

/// A node that is serving.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Asks it without HTTP.
    pub node: NodeHandle,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    assembled: assembly::Running,
}

/// Starts a node. Must be called within a tokio runtime.
#[expect(
    clippy::result_large_err,
    reason = "a node fails to start once, and then the process ends"
)]
pub fn start(settings: Settings) -> Result<Running, ServeError> {
    let address = settings.listener.local_addr()?;
    let advertised = settings.node.advertise.as_ref();
    let advertised_host = advertised.map(|own| own.host().to_string());
    let assembled = assembly::start(address, settings.node)?;
    let node = assembled.node.clone();
    let mut names = settings.allowed_hosts.clone();
    names.extend(advertised_host);
    let is_local = address.ip().is_loopback() || !settings.allowed_hosts.is_empty();
    let hosts = match is_local {
        true => AllowedHosts::Only(names),
        false => AllowedHosts::AlsoOthers(names),
    };
    let access = Access {
        hosts,
        origins: settings.allowed_origins,
        token: settings.api_token,
    };
    let (stop, stopped) = watch::channel(false);
    let base_path = settings.base_path;
    let class = settings.class;
    if let Some(class) = &class {
        class.begin(node.clone());
    }
    let shown = server::Shown { access, class };
    let serving = server::serve(settings.listener, node.clone(), shown, base_path, stopped);
    Ok(Running {
        address,
        node,
        stop,
        serving: tokio::spawn(serving),
        assembled,
    })
}

impl Running {
    /// Waits until the node is told to stop or can't go on, then ends it in
    /// good order.
    pub async fn until(self, told_to_stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        self.until_and_then(told_to_stop, async |_| ()).await
    }

    /// The same. When it was told to stop and no client is served any more, but the
    /// driver still does what it is asked, `last` is done.
    pub async fn until_and_then(
        mut self,
        told_to_stop: impl Future<Output = ()>,
        last: impl AsyncFnOnce(&NodeHandle),
    ) -> Result<(), ServeError> {
        let ended = tokio::select! {
            () = told_to_stop => None,
            ended = self.assembled.ended() => Some(ended),
        };
        // A client that waits for an answer gets one.
        self.stop.send_replace(true);
        if self.serving.await.is_err() {
            tracing::warn!("the HTTP server did not end in good order");
        }
        match ended {
            Some(ended) => ended,
            None => {
                last(&self.node).await;
                self.assembled.stop().await
            }
        }
    }
}
