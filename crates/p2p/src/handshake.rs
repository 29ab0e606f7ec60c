//! From a TCP connection to a talk: who the other side is (noise), streams
//! (yamux), and one stream with the protocol of the chain, which the side that
//! dialled opens. A peer of another chain, or another program altogether, is told
//! so by the negotiation.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use adit_net::address::Identity;
use libp2p_core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use libp2p_noise as noise;
use multistream_select::{
    Negotiated, NegotiationError, Version, dialer_select_proto, listener_select_proto,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use yamux::{Connection, ConnectionError, Mode};

use crate::key::{NodeKey, identity_of};

/// A peer has to have shaken hands within this time.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 6_000;

/// A connection has at most this many streams; one of them is the talk.
const STREAMS_LIMIT: usize = 8;

/// A side that does not know the protocol is told good-bye for so long.
const PARTING_LIMIT_MS: u64 = 500;

const NOISE: &str = "/noise";
const YAMUX: &str = "/yamux/1.0.0";

/// The name of the protocol, by which chains are told apart: the genesis block's
/// hash, or the rules and a name that the network has.
pub fn protocol_of(chain: &str) -> String {
    format!("/adit/1/{chain}")
}

type Secured = noise::Output<Negotiated<Compat<TcpStream>>>;
pub(crate) type Streams = Connection<Negotiated<Secured>>;
pub(crate) type Talk = Negotiated<yamux::Stream>;

/// What a handshake is made with.
#[derive(Clone)]
pub(crate) struct Handshake {
    noise: noise::Config,
    protocol: Arc<str>,
}

/// A peer that has shown who it is, and speaks of the same chain.
pub(crate) struct Opened {
    pub(crate) identity: Identity,
    pub(crate) streams: Streams,
    pub(crate) talk: Talk,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("no answer within {HANDSHAKE_TIMEOUT_MS} ms")]
    TooSlow,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("noise: {0}")]
    Noise(#[from] noise::Error),
    #[error("yamux: {0}")]
    Yamux(#[from] ConnectionError),
    #[error("it does not speak {protocol}")]
    OtherProtocol { protocol: String },
    #[error("expected an Ed25519 key")]
    OtherKey,
}

impl Handshake {
    pub(crate) fn new(key: &NodeKey, protocol: &str) -> Result<Handshake, noise::Error> {
        Ok(Handshake {
            noise: noise::Config::new(key.pair())?,
            protocol: protocol.into(),
        })
    }

    /// As the side that dialled.
    pub(crate) async fn dial(self, socket: TcpStream) -> Result<Opened, HandshakeError> {
        self.in_time(socket, Mode::Client).await
    }

    /// As the other side.
    pub(crate) async fn accept(self, socket: TcpStream) -> Result<Opened, HandshakeError> {
        self.in_time(socket, Mode::Server).await
    }

    async fn in_time(self, socket: TcpStream, mode: Mode) -> Result<Opened, HandshakeError> {
        let limit = Duration::from_millis(HANDSHAKE_TIMEOUT_MS);
        let opened = timeout(limit, self.open(socket, mode)).await;
        opened.unwrap_or(Err(HandshakeError::TooSlow))
    }

    async fn open(self, socket: TcpStream, mode: Mode) -> Result<Opened, HandshakeError> {
        // Small frames are to leave at once.
        socket.set_nodelay(true)?;
        let socket = socket.compat();
        let (peer, secured) = match mode {
            Mode::Client => {
                let socket = dialer_select_proto(socket, [NOISE], Version::V1Lazy).await;
                let (_, socket) = socket.map_err(other(NOISE))?;
                self.noise.upgrade_outbound(socket, NOISE).await?
            }
            Mode::Server => {
                let socket = listener_select_proto(socket, [NOISE]).await;
                let (_, socket) = socket.map_err(other(NOISE))?;
                self.noise.upgrade_inbound(socket, NOISE).await?
            }
        };
        let identity = identity_of(&peer).ok_or(HandshakeError::OtherKey)?;
        let secured = match mode {
            Mode::Client => dialer_select_proto(secured, [YAMUX], Version::V1Lazy).await,
            Mode::Server => listener_select_proto(secured, [YAMUX]).await,
        };
        let (_, secured) = secured.map_err(other(YAMUX))?;
        let mut config = yamux::Config::default();
        config.set_max_num_streams(STREAMS_LIMIT);
        // No window grows beyond what each stream has from the start.
        let windows = STREAMS_LIMIT * yamux::DEFAULT_CREDIT as usize;
        config.set_max_connection_receive_window(Some(windows));
        let mut streams = Connection::new(secured, config, mode);
        match talk_over(&mut streams, mode, &self.protocol).await {
            Ok(talk) => Ok(Opened {
                identity,
                streams,
                talk,
            }),
            Err(error) => {
                part(&mut streams).await;
                Err(error)
            }
        }
    }
}

/// Opens the talk, or waits until the other side does.
async fn talk_over(
    streams: &mut Streams,
    mode: Mode,
    protocol: &str,
) -> Result<Talk, HandshakeError> {
    if let Mode::Client = mode {
        let stream = poll_fn(|context| streams.poll_new_outbound(context)).await?;
        let talk = dialer_select_proto(stream, [protocol], Version::V1);
        let (_, talk) = beside(streams, talk).await.map_err(other(protocol))?;
        return Ok(talk);
    }
    for _ in 0..STREAMS_LIMIT {
        let stream = poll_fn(|context| streams.poll_next_inbound(context)).await;
        let stream = stream.ok_or(ConnectionError::Closed)??;
        // Another program may ask for something else first.
        let talk = listener_select_proto(stream, [protocol]);
        if let Ok((_, talk)) = beside(streams, talk).await {
            return Ok(talk);
        }
    }
    Err(HandshakeError::OtherProtocol {
        protocol: protocol.to_owned(),
    })
}

/// Does something with a stream, while the connection under it goes on. Further
/// streams that the other side opens are closed. When the connection has ended, what
/// has come by then is still read.
pub(crate) async fn beside<T>(streams: &mut Streams, work: impl Future<Output = T>) -> T {
    let (mut work, mut has_ended) = (pin!(work), false);
    poll_fn(|context| {
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            if has_ended {
                return Poll::Pending;
            }
            match streams.poll_next_inbound(context) {
                Poll::Ready(Some(Ok(stream))) => drop(stream),
                Poll::Ready(Some(Err(_)) | None) => has_ended = true,
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// Says good-bye, to one that listens.
pub(crate) async fn part(streams: &mut Streams) {
    let limit = Duration::from_millis(PARTING_LIMIT_MS);
    // Whether it heard it or not, the connection is at its end.
    let _ = timeout(limit, poll_fn(|context| streams.poll_close(context))).await;
}

fn other(protocol: &str) -> impl FnOnce(NegotiationError) -> HandshakeError {
    let protocol = protocol.to_owned();
    move |error| match error {
        NegotiationError::Failed => HandshakeError::OtherProtocol { protocol },
        error => HandshakeError::Io(error.into()),
    }
}
