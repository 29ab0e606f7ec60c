//! Peers that are removed while they answer: from then on nothing of theirs is
//! adopted, and what their answers took of the node is free again.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::Node;
use crate::support::until;

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// This many more files and threads than before may be in use while peers are
/// registered and removed: those of asks that are just ending.
const MORE_LIMIT: u64 = 60;

#[test]
fn a_chain_that_comes_whole_after_its_peer_was_removed_is_not_adopted() {
    let node = Node::start();
    let (go_on, told_to_go_on) = mpsc::channel::<()>();
    let told_to_go_on = Mutex::new(told_to_go_on);
    let (half_sent, hung_up) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (sent, heard_end) = (Arc::clone(&half_sent), Arc::clone(&hung_up));
    let dripping = Peer::start(move |_, mut stream| {
        let body = chain_body(&Forger::chain(6));
        let (half, rest) = body.as_bytes().split_at(body.len() - 20);
        stream.write_all(OK.as_bytes()).unwrap();
        stream.write_all(half).unwrap();
        sent.store(true, Ordering::Relaxed);
        let mut watching = stream.try_clone().unwrap();
        let heard_end = Arc::clone(&heard_end);
        thread::spawn(move || {
            let _ = watching.read(&mut [0; 16]);
            heard_end.store(true, Ordering::Relaxed);
        });
        let _ = told_to_go_on.lock().unwrap().recv();
        // The node has hung up.
        let _ = stream.write_all(rest);
    });
    node.register([&dripping]);
    thread::scope(|scope| {
        let resolving = scope.spawn(|| node.resolve());
        until("the peer has sent most of its chain", || {
            half_sent.load(Ordering::Relaxed).then_some(())
        });
        node.remove(&dripping.address).expect_status(204);
        let resolved = resolving.join().unwrap();
        assert!(resolved.peers.is_empty(), "nobody is waited for any more");
    });
    until("the node hangs up", || {
        hung_up.load(Ordering::Relaxed).then_some(())
    });
    go_on.send(()).unwrap();
    // Whatever came of it has been taken by the time that another is heard.
    let honest = Peer::serving(chain_body(&Forger::chain(3)));
    node.register([&honest]);
    let resolved = node.resolve();
    assert_eq!(resolved.peers[&honest.address]["outcome"], "adopted");
    assert_eq!(node.status()["length"], 3);
    assert_eq!(node.peers().len(), 1);
    node.assert_unharmed();
}

#[test]
fn peers_that_are_registered_and_removed_again_and_again_leave_nothing_behind() {
    let node = Node::start();
    let open_to_it = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&open_to_it);
    let dripping = Peer::start(move |_, mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut sent = stream.write_all(format!("{OK}{{\"chain\": [").as_bytes());
        while sent.is_ok() {
            thread::sleep(Duration::from_millis(50));
            sent = stream.write_all(b" ");
        }
        counted.fetch_sub(1, Ordering::Relaxed);
    });
    let (files, threads) = (node.open_files() as u64, node.threads());
    let honest = Peer::serving(chain_body(&Forger::chain(6)));
    for round in 0..300 {
        if round == 100 {
            node.register([&honest]);
        }
        let visits = dripping.visits();
        node.register([&dripping]);
        thread::scope(|scope| {
            let resolving = scope.spawn(|| node.resolve());
            until("the dripping peer is asked", || {
                (dripping.visits() > visits).then_some(())
            });
            node.remove(&dripping.address).expect_status(204);
            resolving.join().unwrap();
        });
        if round % 10 == 0 {
            let (more_files, more_threads) = (node.open_files() as u64, node.threads());
            assert!(more_files <= files + MORE_LIMIT, "{more_files} files");
            assert!(
                more_threads <= threads + MORE_LIMIT,
                "{more_threads} threads"
            );
        }
    }
    assert_eq!(node.status()["length"], 6, "the honest peer was heard");
    until("nothing is open any more", || {
        (open_to_it.load(Ordering::Relaxed) == 0).then_some(())
    });
    node.assert_unharmed();
}

#[test]
fn a_peer_that_is_told_of_blocks_is_not_called_any_more_when_it_is_removed() {
    let node = Node::start();
    let [told, hung_up] = [(); 2].map(|()| Arc::<AtomicBool>::default());
    let (hears, heard_end) = (Arc::clone(&told), Arc::clone(&hung_up));
    let silent = Peer::start(move |path, mut stream| {
        // It may be asked for its chain as well.
        let is_told = path == "/nodes/resolve";
        hears.fetch_or(is_told, Ordering::Relaxed);
        let _ = stream.read(&mut [0; 16]);
        heard_end.fetch_or(is_told, Ordering::Relaxed);
    });
    node.register([&silent]);
    node.get("/mine").expect_status(200);
    until("the peer is told", || {
        told.load(Ordering::Relaxed).then_some(())
    });
    node.remove(&silent.address).expect_status(204);
    until("the node hangs up", || {
        hung_up.load(Ordering::Relaxed).then_some(())
    });
    node.assert_unharmed();
}
