//! A class as it goes on: what changes while it lasts, who orders what, what the room
//! sees. How it is asked over HTTP is not known here.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use adit_core::address::Address;
use adit_node::handle::NodeHandle;
use tokio::sync::{mpsc, oneshot};

use super::facts::{self, Facts};
use super::pupils::{NotJoined, Pupils};
use super::settings::{Cheat, ClassNode, ClassSettings, Deed, Order, Pace};
use super::teacher::TeacherAccess;
use super::view::{self, ClassView};
use crate::problem::Problem;

/// At most this many deeds wait to be done; a further one is refused.
const DEEDS_LIMIT: usize = 64;

/// A class.
pub struct Class {
    settings: ClassSettings,
    others: Vec<ClassNode>,
    first: (String, Address),
    nodes: OnceLock<Vec<ClassNode>>,
    deeds: mpsc::Sender<Order>,
    pub(crate) access: TeacherAccess,
    changing: Mutex<Changing>,
}

/// What changes while it lasts.
struct Changing {
    pupils: Pupils,
    facts: Facts,
    is_cut: Vec<bool>,
    pace: Pace,
    cheat: Cheat,
    view: Arc<ClassView>,
}

impl Class {
    /// A class, and the deeds that are ordered in it. Its first node is the one whose
    /// server shows it; `others` run already.
    pub fn new(
        settings: ClassSettings,
        first: (String, Address),
        others: Vec<ClassNode>,
    ) -> (Arc<Class>, mpsc::Receiver<Order>) {
        let (deeds, ordered) = mpsc::channel(DEEDS_LIMIT);
        let count = others.len() + 1;
        let class = Class {
            changing: Mutex::new(Changing {
                pupils: Pupils::new(&settings),
                facts: Facts::new(count),
                is_cut: vec![false; count],
                pace: Pace::default(),
                cheat: Cheat::default(),
                view: Arc::default(),
            }),
            settings,
            others,
            first,
            nodes: OnceLock::new(),
            deeds,
            access: TeacherAccess::new(),
        };
        (Arc::new(class), ordered)
    }

    /// Its first node runs now.
    pub(crate) fn begin(&self, node: NodeHandle) {
        let (name, address) = self.first.clone();
        let first = ClassNode {
            name,
            address,
            node,
        };
        let all = [first].into_iter().chain(self.others.iter().cloned());
        // A node that recovers from damage does not start twice here.
        let _ = self.nodes.set(all.collect());
    }

    /// Its nodes; none before they run.
    pub fn nodes(&self) -> &[ClassNode] {
        self.nodes.get().map_or(&[], Vec::as_slice)
    }

    /// What it is like.
    pub fn settings(&self) -> &ClassSettings {
        &self.settings
    }

    /// The path of a link that makes a browser the teacher's, once.
    pub fn new_teacher_path(&self) -> String {
        format!("/teach/{}", self.access.new_link())
    }

    /// Says which nodes hear nobody.
    pub fn set_cut(&self, node: usize, is_cut: bool) {
        let mut changing = self.changing();
        if let Some(cut) = changing.is_cut.get_mut(node) {
            *cut = is_cut;
        }
        let name = self.name(node);
        if !is_cut {
            changing.cheat = Cheat::None;
        }
        let text = match is_cut {
            true => format!("{name} hears nobody."),
            false => format!("{name} hears the others again."),
        };
        changing.facts.say(text, Some(node));
    }

    /// Whether that node hears nobody.
    pub fn is_cut(&self, node: usize) -> bool {
        self.changing().is_cut.get(node).is_some_and(|cut| *cut)
    }

    /// How fast blocks come.
    pub fn pace(&self) -> Pace {
        self.changing().pace
    }

    /// Sets that.
    pub fn set_pace(&self, pace: Pace) {
        let mut changing = self.changing();
        changing.pace = pace;
        let text = match pace {
            Pace::Stopped => "Nobody searches for blocks now.",
            Pace::Slow => "Blocks come more slowly now.",
            Pace::Steady => "Blocks come at their pace.",
            Pace::Fast => "Blocks come faster now.",
        };
        changing.facts.say(text.to_owned(), None);
    }

    /// Says how far a double spend is.
    pub fn set_cheat(&self, cheat: Cheat, node: usize, text: String) {
        let mut changing = self.changing();
        changing.cheat = cheat;
        changing.facts.say(text, Some(node));
    }

    /// What one of those who mine may try in a second: all have the same share.
    pub fn share_guesses_per_s(&self) -> u64 {
        let mut changing = self.changing();
        let total = changing.pace.of(self.settings.guesses_per_s);
        let miners = self.others.len() + 1 + changing.pupils.mining_count();
        total / (miners as u64).max(1)
    }

    /// Looks at all nodes, and shows what is there.
    pub async fn look(&self) {
        let mut seen = Vec::new();
        for one in self.nodes() {
            match facts::look(&one.node, &self.known_blocks()).await {
                Ok(found) => seen.push(found),
                Err(error) => {
                    tracing::debug!(%error, node = one.name, "not looked at");
                    return;
                }
            }
        }
        let share = self.share_guesses_per_s();
        let mut changing = self.changing();
        let Changing {
            pupils,
            facts,
            is_cut,
            pace,
            cheat,
            view,
        } = &mut *changing;
        let names = pupils.names(self.nodes());
        facts.take(seen, &names, is_cut);
        *view = Arc::new(view::view(view::Scene {
            node_names: &self.node_names(),
            facts,
            pupils,
            names: &names,
            is_cut,
            pace: *pace,
            cheat: *cheat,
            share_guesses_per_s: share,
        }));
    }

    fn known_blocks(&self) -> facts::KnownBlocks {
        self.changing().facts.blocks.clone()
    }

    /// What the room sees.
    pub(crate) fn view(&self) -> Arc<ClassView> {
        Arc::clone(&self.changing().view)
    }

    /// Lets somebody take part. Returns which node is theirs.
    pub(crate) async fn join(
        &self,
        name: &str,
        address: Address,
        host: IpAddr,
    ) -> Result<usize, NotJoined> {
        let joined = {
            let mut changing = self.changing();
            let is_cut = changing.is_cut.clone();
            let joined = changing.pupils.join(name, address, host, &is_cut)?;
            if joined.is_new {
                changing
                    .facts
                    .say(format!("{} is here.", joined.name), None);
            }
            joined
        };
        if joined.is_new {
            // What does not fit now is ordered again when they ask again.
            let ordered = self.order(Deed::Fund(address)).await;
            if ordered.is_err() {
                self.changing().pupils.remove(&address);
                return Err(NotJoined::Busy);
            }
        }
        Ok(joined.node)
    }

    /// Somebody who takes part mines at the moment, or does so no more.
    pub(crate) fn set_mining(&self, address: &Address, is_mining: bool) {
        self.changing().pupils.set_mining(address, is_mining);
    }

    /// The teacher takes somebody out, or calls them something else.
    pub(crate) fn rename(&self, address: &Address, name: Option<&str>) -> Result<(), NotJoined> {
        let pupils = &mut self.changing().pupils;
        match name {
            Some(name) => pupils.rename(address, name),
            None => {
                pupils.remove(address);
                Ok(())
            }
        }
    }

    /// Has something done. Returns when it is.
    pub(crate) async fn order(&self, deed: Deed) -> Result<(), String> {
        let (done, what_came) = oneshot::channel();
        let busy = |_| "too much is being done already; try again".to_owned();
        self.deeds.try_send(Order { deed, done }).map_err(busy)?;
        let over = |_| "the class is over".to_owned();
        what_came.await.map_err(over)?
    }

    fn node_names(&self) -> Vec<String> {
        (0..=self.others.len())
            .map(|node| self.name(node).to_owned())
            .collect()
    }

    /// What the room calls a node.
    pub fn name(&self, node: usize) -> &str {
        match node.checked_sub(1) {
            None => &self.first.0,
            Some(other) => self.others.get(other).map_or("", |one| &one.name),
        }
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an address that somebody sends.
pub(crate) fn read_address(text: &str) -> Result<Address, Problem> {
    let read = text.parse();
    read.map_err(|error| Problem::malformed(format!("address: {error}")))
}
