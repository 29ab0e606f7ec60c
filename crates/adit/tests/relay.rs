//! A relay between nodes: it passes everything on, counts it, and can make a node
//! look like one of an earlier version.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Listens in place of a node until the tests end.
pub(crate) struct Relay {
    /// `host:port`.
    pub(crate) address: String,
    bytes: Arc<AtomicUsize>,
}

impl Relay {
    /// A relay to this node.
    pub(crate) fn to(target: &str) -> Relay {
        Relay::changing(target, |_| {})
    }

    /// A relay to this node behind which nobody hears that it can be asked for what
    /// follows a block.
    pub(crate) fn to_older(target: &str) -> Relay {
        Relay::changing(target, |request| {
            let name = b"adit-sync";
            let found = request.windows(name.len()).position(|part| part == name);
            if let Some(at) = found {
                request[at..at + name.len()].copy_from_slice(b"adit-none");
            }
        })
    }

    /// A relay to this node that lets the tutorial's paths pass alone.
    pub(crate) fn to_tutorial_of(target: &str) -> Relay {
        Relay::changing(target, |request| {
            let path = b"/api/";
            let found = request.windows(path.len()).position(|part| part == path);
            if let Some(at) = found {
                request[at..at + path.len()].copy_from_slice(b"/none");
            }
        })
    }

    fn changing(target: &str, change: fn(&mut [u8])) -> Relay {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (bytes, target) = (Arc::<AtomicUsize>::default(), target.to_owned());
        let counted = Arc::clone(&bytes);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&target) else {
                    continue;
                };
                let ends = [near.try_clone(), far.try_clone()].map(Result::unwrap);
                let [there, back] = [Arc::clone(&counted), Arc::clone(&counted)];
                thread::spawn(move || pass_on(near, far, change, &there));
                thread::spawn(move || {
                    let [near, far] = ends;
                    pass_on(far, near, |_| {}, &back);
                });
            }
        });
        Relay { address, bytes }
    }

    /// How much has crossed so far, in both directions.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn pass_on(mut one: TcpStream, mut other: TcpStream, change: fn(&mut [u8]), count: &AtomicUsize) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = one.read(&mut buffer)
        && length > 0
    {
        count.fetch_add(length, Ordering::Relaxed);
        change(&mut buffer[..length]);
        if other.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Whichever end has gone, the other hears of it.
    let _ = other.shutdown(Shutdown::Write);
    let _ = one.shutdown(Shutdown::Read);
}
