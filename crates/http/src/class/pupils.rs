//! Who takes part: names in memory, none twice, so many in all and from one address of
//! the network. What they own, the chain says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use adit_core::address::Address;
use serde::Serialize;

use super::settings::{ClassNode, ClassSettings};
use crate::problem::Problem;

/// A name is at most this long.
pub(crate) const PUPIL_NAME_LIMIT_CHARACTERS: usize = 20;

/// Whoever has not said for this long that they mine, mines no more.
const MINING_TIMEOUT_MS: u64 = 8_000;

/// Somebody who takes part.
#[derive(Debug, Clone)]
pub(crate) struct Pupil {
    pub(crate) name: String,
    pub(crate) address: Address,
    /// Which node is theirs.
    pub(crate) node: usize,
    mining: Option<Instant>,
}

/// Why somebody does not take part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJoined {
    #[error(
        "a name has 1 to {PUPIL_NAME_LIMIT_CHARACTERS} letters or digits, with blanks, - or ' \
         between them"
    )]
    NoName,
    #[error("somebody here has that name already; take another")]
    NameTaken,
    #[error("this class is for {limit}, and they are all here")]
    Full { limit: usize },
    #[error("{limit} have joined from your address of the network already")]
    TooManyFromHost { limit: usize },
    #[error("nobody with that key is here")]
    Unknown,
    #[error("too much is being done; try again")]
    Busy,
}

/// What came of joining.
pub(super) struct Joined {
    pub(super) name: String,
    pub(super) node: usize,
    pub(super) is_new: bool,
}

/// All who take part.
pub(super) struct Pupils {
    here: Vec<Pupil>,
    /// How many have ever joined, from where: a place is not free again, since the
    /// coins are given.
    joined_by_host: BTreeMap<IpAddr, usize>,
    joined_count: usize,
    limit: usize,
    a_host_limit: usize,
}

/// What addresses are called.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct PupilNames(BTreeMap<String, String>);

impl NotJoined {
    /// The name of the rule.
    pub(crate) fn rule(&self) -> &'static str {
        match self {
            NotJoined::NoName => "name",
            NotJoined::NameTaken => "name-taken",
            NotJoined::Full { .. } => "class-full",
            NotJoined::TooManyFromHost { .. } => "host-limit",
            NotJoined::Unknown => "unknown",
            NotJoined::Busy => "busy",
        }
    }
}

impl From<NotJoined> for Problem {
    fn from(error: NotJoined) -> Problem {
        match error {
            NotJoined::Busy => Problem::busy(error),
            error => Problem::class(error.rule(), error),
        }
    }
}

impl Pupils {
    pub(super) fn new(settings: &ClassSettings) -> Pupils {
        Pupils {
            here: Vec::new(),
            joined_by_host: BTreeMap::new(),
            joined_count: 0,
            limit: settings.pupils_limit,
            a_host_limit: settings.pupils_a_host_limit,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pupil> {
        self.here.iter()
    }

    /// Whoever is here already stays, by the name that they have.
    pub(super) fn join(
        &mut self,
        name: &str,
        address: Address,
        host: IpAddr,
        is_cut: &[bool],
    ) -> Result<Joined, NotJoined> {
        if let Some(here) = self.here.iter().find(|one| one.address == address) {
            return Ok(Joined {
                name: here.name.clone(),
                node: here.node,
                is_new: false,
            });
        }
        let name = self.free_name(name, &address)?;
        if self.joined_count >= self.limit {
            return Err(NotJoined::Full { limit: self.limit });
        }
        let from_host = self.joined_by_host.entry(host.to_canonical()).or_default();
        if *from_host >= self.a_host_limit {
            let limit = self.a_host_limit;
            return Err(NotJoined::TooManyFromHost { limit });
        }
        *from_host += 1;
        self.joined_count += 1;
        let node = self.smallest(is_cut);
        self.here.push(Pupil {
            name: name.clone(),
            address,
            node,
            mining: None,
        });
        Ok(Joined {
            name,
            node,
            is_new: true,
        })
    }

    pub(super) fn rename(&mut self, address: &Address, name: &str) -> Result<(), NotJoined> {
        let name = self.free_name(name, address)?;
        let pupil = self.here.iter_mut().find(|one| one.address == *address);
        pupil.ok_or(NotJoined::Unknown)?.name = name;
        Ok(())
    }

    pub(super) fn remove(&mut self, address: &Address) {
        self.here.retain(|one| one.address != *address);
    }

    pub(super) fn set_mining(&mut self, address: &Address, is_mining: bool) {
        if let Some(pupil) = self.here.iter_mut().find(|one| one.address == *address) {
            pupil.mining = is_mining.then(Instant::now);
        }
    }

    pub(super) fn mining_count(&mut self) -> usize {
        let limit = Duration::from_millis(MINING_TIMEOUT_MS);
        let mines = |one: &&Pupil| one.mining.is_some_and(|said| said.elapsed() < limit);
        self.here.iter().filter(mines).count()
    }

    pub(super) fn count_at(&self, node: usize) -> usize {
        self.here.iter().filter(|one| one.node == node).count()
    }

    /// What everybody is called, the owners of the nodes too.
    pub(super) fn names(&self, nodes: &[ClassNode]) -> PupilNames {
        let nodes = nodes
            .iter()
            .map(|one| (one.address.to_string(), one.name.clone()));
        let pupils = self.here.iter();
        let pupils = pupils.map(|one| (one.address.to_string(), one.name.clone()));
        PupilNames(nodes.chain(pupils).collect())
    }

    /// The node with the fewest, of those that hear the first.
    fn smallest(&self, is_cut: &[bool]) -> usize {
        let connected = (0..is_cut.len()).filter(|node| !is_cut[*node]);
        connected
            .min_by_key(|node| self.count_at(*node))
            .unwrap_or_default()
    }

    fn free_name(&self, name: &str, address: &Address) -> Result<String, NotJoined> {
        let name: Vec<&str> = name.split_whitespace().collect();
        let name = name.join(" ");
        let is_plain = |one: char| one.is_alphanumeric() || [' ', '-', '\'', '’'].contains(&one);
        let count = name.chars().count();
        let has_letter = name.chars().any(char::is_alphanumeric);
        if !has_letter || count > PUPIL_NAME_LIMIT_CHARACTERS || !name.chars().all(is_plain) {
            return Err(NotJoined::NoName);
        }
        let folded = name.to_lowercase();
        let mut others = self.here.iter().filter(|one| one.address != *address);
        match others.any(|one| one.name.to_lowercase() == folded) {
            true => Err(NotJoined::NameTaken),
            false => Ok(name),
        }
    }
}

impl PupilNames {
    /// What that address is called; what nobody has joined with, by its first letters.
    pub(crate) fn of(&self, address: &str) -> String {
        match self.0.get(address) {
            Some(name) => name.clone(),
            None => address.chars().take(10).chain(['…']).collect(),
        }
    }

    /// Whether it has a name.
    pub(crate) fn knows(&self, address: &str) -> bool {
        self.0.contains_key(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pupils(limit: usize, a_host_limit: usize) -> Pupils {
        Pupils::new(&ClassSettings {
            join_url: String::new(),
            pupils_limit: limit,
            pupils_a_host_limit: a_host_limit,
            grant: 1,
            guesses_per_s: 1,
            block_interval_ms: 1,
        })
    }

    fn host(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    fn join(pupils: &mut Pupils, name: &str, key: u8, from: u8) -> Result<usize, NotJoined> {
        let joined = pupils.join(name, Address([key; 32]), host(from), &[false, true, false]);
        joined.map(|joined| joined.node)
    }

    #[test]
    fn names_are_plain_and_nobody_has_anothers() {
        let mut pupils = pupils(10, 10);
        for name in ["", "  ", "-", "a\u{202e}b", "<b>", "123456789012345678901"] {
            assert_eq!(
                join(&mut pupils, name, 1, 1),
                Err(NotJoined::NoName),
                "{name}"
            );
        }
        assert_eq!(join(&mut pupils, " Zoë  B ", 1, 1), Ok(0));
        assert_eq!(join(&mut pupils, "zoË b", 2, 1), Err(NotJoined::NameTaken));
        assert_eq!(
            join(&mut pupils, "李", 2, 1),
            Ok(2),
            "no node that hears nobody"
        );
        assert_eq!(
            pupils.rename(&Address([2; 32]), "zoë b"),
            Err(NotJoined::NameTaken)
        );
        assert_eq!(pupils.rename(&Address([2; 32]), "Li"), Ok(()));
        assert_eq!(
            pupils.rename(&Address([3; 32]), "Lo"),
            Err(NotJoined::Unknown)
        );
    }

    #[test]
    fn nobody_gets_a_place_twice_and_no_host_more_than_its_own() {
        let mut pupils = pupils(3, 2);
        assert!(join(&mut pupils, "a", 1, 1).is_ok());
        assert!(
            join(&mut pupils, "another name", 1, 1).is_ok(),
            "they are here already"
        );
        assert!(join(&mut pupils, "b", 2, 1).is_ok());
        let refused = join(&mut pupils, "c", 3, 1);
        assert_eq!(refused, Err(NotJoined::TooManyFromHost { limit: 2 }));
        pupils.remove(&Address([1; 32]));
        let refused = join(&mut pupils, "c", 3, 1);
        assert_eq!(refused, Err(NotJoined::TooManyFromHost { limit: 2 }));
        assert!(join(&mut pupils, "c", 3, 2).is_ok());
        assert_eq!(
            join(&mut pupils, "d", 4, 3),
            Err(NotJoined::Full { limit: 3 })
        );
    }
}
