//! The key by which a node shows who it is, in the forms that it has here and
//! there: an Ed25519 key pair, its public half as `adit-net` knows it, and the
//! name that libp2p makes of that (`12D3Koo...`). Where it is kept is not known here.

use adit_net::address::Identity;
use libp2p_identity::{Keypair, PeerId, ed25519};
use zeroize::Zeroizing;

/// What libp2p puts before an Ed25519 public key to name a peer: a multihash of
/// the kind "identity", 36 bytes long, of a public key of type 1 with 32 bytes.
const PEER_ID_HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The key of a node.
#[derive(Clone)]
pub struct NodeKey(Keypair);

/// Why bytes or a text are no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret half has another form.
    #[error("expected 32 bytes of an Ed25519 key, found {found}")]
    Secret {
        /// How many there are.
        found: usize,
    },
    /// It names no peer.
    #[error("expected the name of a peer, such as 12D3KooW..., found {found:?}")]
    PeerId {
        /// What there is.
        found: String,
    },
}

impl NodeKey {
    /// A new key, drawn from the system.
    pub fn generate() -> NodeKey {
        NodeKey(Keypair::generate_ed25519())
    }

    /// The key with this secret half.
    pub fn from_secret(secret: &[u8]) -> Result<NodeKey, KeyError> {
        let found = secret.len();
        let secret = Zeroizing::new(secret.to_vec());
        let secret = ed25519::SecretKey::try_from_bytes(secret);
        let secret = secret.map_err(|_| KeyError::Secret { found })?;
        Ok(NodeKey(Keypair::from(ed25519::Keypair::from(secret))))
    }

    /// The secret half.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        let pair = self.0.clone().try_into_ed25519();
        let pair = pair.expect("all that is made here is an Ed25519 key");
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(pair.secret().as_ref());
        secret
    }

    /// The public half.
    pub fn identity(&self) -> Identity {
        identity_of(&self.0.public().to_peer_id())
            .expect("the name of an Ed25519 key holds the key")
    }

    pub(crate) fn pair(&self) -> &Keypair {
        &self.0
    }
}

/// The key that a peer's name holds. Other kinds of keys are not spoken to.
pub(crate) fn identity_of(peer: &PeerId) -> Option<Identity> {
    let bytes = peer.to_bytes();
    let key = bytes.strip_prefix(&PEER_ID_HEAD[..])?;
    Some(Identity(key.try_into().ok()?))
}

/// What libp2p calls the peer with this key.
pub(crate) fn peer_id_of(identity: &Identity) -> Option<PeerId> {
    PeerId::from_bytes(&[&PEER_ID_HEAD[..], &identity.0[..]].concat()).ok()
}

/// The name of a peer, as people see it.
pub fn name_of(identity: &Identity) -> String {
    peer_id_of(identity).map_or_else(String::new, |peer| peer.to_base58())
}

/// Who has that name.
pub fn identity_named(name: &str) -> Result<Identity, KeyError> {
    let peer = name.parse::<PeerId>().ok();
    let identity = peer.as_ref().and_then(identity_of);
    identity.ok_or_else(|| KeyError::PeerId {
        found: name.to_owned(),
    })
}
