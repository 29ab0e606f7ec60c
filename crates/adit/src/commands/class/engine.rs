//! What goes on in a class: its nodes mine at their pace, hear each other or not, and the
//! teacher's deeds are done one after the other. What the room is shown is not known here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::address::Address;
use adit_core::peer::{PeerAddress, Scheme};
use adit_core::rules::Sealed;
use adit_core::sealed::ChainId;
use adit_http::{Cheat, Class, Deed, Order};
use adit_node::commands::peers::{register, unregister};
use adit_node::handle::Request;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::miner::{PacedMiner, mine_one};
use super::purse::{self, Keys, Purse, UNITS_A_COIN};
use super::relay::Relay;
use crate::wallet::key::SecretKey;

/// How often the miners get their turn.
const TURN_INTERVAL_MS: u64 = 100;

/// How often payments are carried on, and the room is shown what there is.
const LOOK_INTERVAL_MS: u64 = 400;

/// A chain that is to become the heaviest gets at most this many blocks at once.
const MINE_AHEAD_LIMIT: usize = 12;

/// What is paid twice, in coins.
const CHEATED_COINS: u64 = 40;

pub(super) struct Engine {
    class: Arc<Class>,
    peers: Vec<PeerAddress>,
    owners: Vec<SecretKey>,
    chain: ChainId,
    purse: Purse,
    miners: Vec<PacedMiner>,
    relay: Relay,
    traffic: Option<Duration>,
    last_traffic: Instant,
    last_look: Instant,
    payments_made: usize,
}

impl Engine {
    pub(super) fn new(
        class: Arc<Class>,
        addresses: &[SocketAddr],
        keys: Keys,
        rules: &Sealed,
        traffic: Option<Duration>,
    ) -> Engine {
        let chain = rules.chain_id();
        let peers = addresses.iter().filter_map(|address| {
            let ip = match address.ip() {
                ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
                ip => ip,
            };
            PeerAddress::new(Scheme::Http, &ip.to_string(), address.port())
        });
        Engine {
            purse: Purse::new(keys.purse, chain, class.settings().grant),
            miners: addresses.iter().map(|_| PacedMiner::new()).collect(),
            peers: peers.collect(),
            owners: keys.owners,
            chain,
            relay: Relay::default(),
            traffic,
            last_traffic: Instant::now(),
            last_look: Instant::now(),
            payments_made: 0,
            class,
        }
    }

    /// Ends when the teacher ends the class.
    pub(super) async fn run(mut self, mut ordered: mpsc::Receiver<Order>) {
        for node in 0..self.peers.len() {
            self.connect(node, true).await;
        }
        self.class.look().await;
        let mut turns = interval(Duration::from_millis(TURN_INTERVAL_MS));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turns.tick() => self.turn().await,
                order = ordered.recv() => {
                    let Some(Order { deed, done }) = order else { return };
                    let is_end = deed == Deed::End;
                    let came = self.act(deed).await;
                    self.class.look().await;
                    // If they have gone, it is done all the same.
                    let _ = done.send(came);
                    if is_end {
                        return;
                    }
                }
            }
        }
    }

    async fn turn(&mut self) {
        let share = self.class.share_guesses_per_s();
        for (node, miner) in self.class.nodes().iter().zip(&mut self.miners) {
            miner.turn(node, share).await;
        }
        if self.last_look.elapsed() < Duration::from_millis(LOOK_INTERVAL_MS) {
            return;
        }
        self.last_look = Instant::now();
        let hears: Vec<bool> = (0..self.peers.len())
            .map(|node| !self.class.is_cut(node))
            .collect();
        let nodes = self.class.nodes();
        if let Some(node) = hears.iter().position(|hears| *hears) {
            self.purse.pay(&nodes[node]).await;
        }
        self.relay.carry(nodes, &hears).await;
        if self
            .traffic
            .is_some_and(|every| self.last_traffic.elapsed() >= every)
        {
            self.last_traffic = Instant::now();
            self.pay_something().await;
        }
        self.class.look().await;
    }

    async fn act(&mut self, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Fund(recipient) => self.purse.owe(recipient),
            Deed::Cut(node) if !self.class.is_cut(node) => {
                self.connect(node, false).await;
                self.class.set_cut(node, true);
            }
            Deed::Reconnect(node) if self.class.is_cut(node) => {
                self.class.set_cut(node, false);
                self.connect(node, true).await;
                self.relay.forget();
            }
            Deed::Cut(_) | Deed::Reconnect(_) => {}
            Deed::MineHere(node) => mine_one(&self.class.nodes()[node]).await?,
            Deed::MineAhead(node) => self.mine_ahead(node).await?,
            Deed::PayTwice(node) => self.pay_twice(node).await?,
            Deed::SetPace(pace) => self.class.set_pace(pace),
            Deed::End => {}
        }
        Ok(())
    }

    /// The node and those that hear others are told of each other, or of each other no
    /// more.
    async fn connect(&self, node: usize, is_connected: bool) {
        let nodes = self.class.nodes();
        for other in (0..nodes.len()).filter(|other| *other != node) {
            if is_connected && (self.class.is_cut(other) || self.class.is_cut(node)) {
                continue;
            }
            for (asks, asked) in [(node, other), (other, node)] {
                let peer = &self.peers[asked];
                let done = match is_connected {
                    true => {
                        let body = json!({ "nodes": [peer.to_string()] }).to_string();
                        let done = register(&nodes[asks].node, body.as_bytes()).await;
                        done.map(|_| ()).map_err(|error| error.to_string())
                    }
                    false => {
                        let done = unregister(&nodes[asks].node, peer.clone()).await;
                        done.map(|_| ()).map_err(|error| error.to_string())
                    }
                };
                if let Err(error) = done {
                    tracing::warn!(error, "two nodes could not be connected or cut");
                }
            }
        }
        if is_connected {
            for one in nodes {
                let node = one.node.clone();
                tokio::spawn(async move { node.request(Request::Resolve).await });
            }
        }
    }

    async fn mine_ahead(&self, node: usize) -> Result<(), String> {
        let nodes = self.class.nodes();
        let weight = |at: usize| nodes[at].node.status().total_weight;
        for _ in 0..MINE_AHEAD_LIMIT {
            let others = (0..nodes.len()).filter(|other| *other != node);
            if others
                .map(weight)
                .max()
                .is_none_or(|most| weight(node) > most)
            {
                return Ok(());
            }
            mine_one(&nodes[node]).await?;
        }
        Ok(())
    }

    /// Two payments with one nonce: the node before is paid where the others see it, the
    /// payer's own second purse on the own chain.
    async fn pay_twice(&self, node: usize) -> Result<(), String> {
        let nodes = self.class.nodes();
        let payee = node.checked_sub(1).ok_or("the first node does not cheat")?;
        if !self.class.is_cut(node) {
            return Err("cut the node off first: nobody pays twice on one chain".to_owned());
        }
        let (cheater, key) = (&nodes[node], &self.owners[node]);
        let elsewhere = Address(adit_core::hash::sha256(&key.address().0).0);
        let amount = CHEATED_COINS * UNITS_A_COIN;
        let nonce = purse::next_nonce(&nodes[payee], key).await?;
        let own_nonce = purse::next_nonce(cheater, key).await?;
        let to_payee = nodes[payee].address;
        purse::pay_with(&nodes[payee], key, self.chain, to_payee, amount, nonce).await?;
        purse::pay_with(cheater, key, self.chain, elsewhere, amount, own_nonce).await?;
        let text = format!(
            "{} pays {} {CHEATED_COINS}, and the same {CHEATED_COINS} elsewhere.",
            cheater.name, nodes[payee].name
        );
        self.class.set_cheat(Cheat::Paid, node, text);
        Ok(())
    }

    /// The owner of one node pays that of another.
    async fn pay_something(&mut self) {
        let nodes = self.class.nodes();
        let from = self.payments_made % nodes.len();
        let round = self.payments_made / nodes.len();
        let to = (from + 1 + round % (nodes.len() - 1)) % nodes.len();
        let coins = 1 + (self.payments_made as u64 * 7) % 9;
        self.payments_made += 1;
        let (node, key) = (&nodes[from], &self.owners[from]);
        let amount = coins * UNITS_A_COIN;
        if let Err(error) = purse::pay(node, key, self.chain, nodes[to].address, amount).await {
            tracing::debug!(error, "no payment");
        }
    }
}
