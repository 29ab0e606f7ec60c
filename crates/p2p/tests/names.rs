//! How peers and their addresses are written.

use adit_net::address::{Identity, PeerAddress};
use adit_p2p::multiaddr::{Host, Multiaddr};
use adit_p2p::{NodeKey, identity_named, name_of};

#[test]
fn a_key_is_the_same_after_it_was_written_down() {
    let key = NodeKey::generate();
    let again = NodeKey::from_secret(&key.secret()[..]).unwrap();
    assert_eq!(again.identity(), key.identity());
    let name = name_of(&key.identity());
    assert!(name.starts_with("12D3KooW"), "{name}");
    assert_eq!(identity_named(&name), Ok(key.identity()));
    let error = NodeKey::from_secret(&[1; 31]).err().unwrap();
    assert!(error.to_string().contains("found 31"), "{error}");
    assert!(identity_named("QmNotAnEd25519Key").is_err());
}

#[test]
fn an_address_is_read_as_it_is_written() {
    let name = name_of(&Identity([7; 32]));
    for text in [
        format!("/ip4/192.168.1.7/tcp/15000/p2p/{name}"),
        format!("/ip6/2001:db8::1/tcp/1/p2p/{name}"),
        format!("/dns/node.example/tcp/65535/p2p/{name}"),
        "/ip4/127.0.0.1/tcp/15000".to_owned(),
    ] {
        let address: Multiaddr = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
    }
    let socket = "10.0.0.1:5".parse().unwrap();
    let peer = PeerAddress::new(socket, Identity([7; 32]));
    let written = Multiaddr::from(&peer);
    assert_eq!(written.host, Host::Ip(socket.ip()));
    assert_eq!(written.peer_address(), Some(peer));
    for wrong in [
        "",
        "/",
        "192.168.1.7:15000",
        "/ip4/192.168.1.7",
        "/ip4/192.168.1.256/tcp/15000",
        "/ip4/192.168.1.7/udp/15000",
        "/ip4/192.168.1.7/tcp/0",
        "/ip4/192.168.1.7/tcp/70000",
        "/ip4/192.168.1.7/tcp/15000/p2p",
        "/ip4/192.168.1.7/tcp/15000/p2p/somebody",
        "/dns//tcp/15000",
    ] {
        assert!(wrong.parse::<Multiaddr>().is_err(), "{wrong}");
    }
    let more = format!("/ip4/192.168.1.7/tcp/15000/p2p/{name}/p2p-circuit");
    assert!(more.parse::<Multiaddr>().is_err());
}
