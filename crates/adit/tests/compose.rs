//! The container files, as far as they can be tried without containers: what
//! `compose.yaml` would start is started as processes on this machine, and
//! comes to agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tempfile::tempdir;

use crate::support::{Server, adit, free_port, run, until};

#[test]
fn the_nodes_of_compose_yaml_know_each_other_and_agree() {
    let compose = Compose::read();
    let image = Image::read();
    let folder = tempdir().unwrap();
    let places: BTreeMap<&str, String> = compose
        .services
        .keys()
        .map(|name| (name.as_str(), format!("127.0.0.1:{}", free_port())))
        .collect();
    let nodes: Vec<Server> = places
        .iter()
        .map(|(name, place)| {
            let (_, port) = place.split_once(':').unwrap();
            let mut node = adit(&image.command);
            node.envs(&image.environment)
                .envs(compose.services[*name].environment_at(&places))
                .env("ADIT_HOST", "127.0.0.1")
                .env("ADIT_PORT", port)
                .env("ADIT_DATA_DIR", folder.path().join(name));
            Server::start(&mut node)
        })
        .collect();
    for node in &nodes {
        let others = places.values().filter(|place| **place != node.address);
        let others: BTreeSet<String> = others.cloned().collect();
        let known: BTreeSet<String> = node.register([]).into_iter().collect();
        assert_eq!((known, nodes.len()), (others, 3));
    }
    for miner in &nodes {
        let tip = miner.mine()["index"].clone();
        until("all have the new block", || {
            let same = nodes.iter().all(|node| {
                let status = node.status();
                status["tip"] == miner.status()["tip"] && status["length"] == tip
            });
            same.then_some(())
        });
    }
    let port = nodes[0].address.split_once(':').unwrap().1;
    run(adit(&image.health_check).env("ADIT_PORT", port)).expect_code(0);
}

#[test]
fn each_service_has_a_volume_for_its_data_and_a_port_of_its_own_on_this_machine() {
    let compose = Compose::read();
    let image = Image::read();
    let data = &image.environment["ADIT_DATA_DIR"];
    assert_eq!(image.lines("VOLUME"), [data]);
    let [inner] = *image.lines("EXPOSE") else {
        panic!("expected one EXPOSE");
    };
    let mut volumes = BTreeSet::new();
    for (place, (name, service)) in compose.services.iter().enumerate() {
        let port = format!("127.0.0.1:{}:{inner}", 5000 + place);
        assert_eq!(service.ports, [port]);
        assert_eq!(service.volumes, [format!("{name}:{data}")]);
        assert_eq!(service.image, "adit");
        volumes.insert(name.clone());
    }
    assert_eq!(
        compose.volumes.into_keys().collect::<BTreeSet<_>>(),
        volumes
    );
    let built = compose
        .services
        .values()
        .filter(|service| service.build.is_some());
    assert_eq!(built.count(), 1);
}

#[test]
fn the_image_runs_a_node_for_other_machines_as_no_root_and_asks_how_it_is() {
    let image = Image::read();
    assert_eq!(image.lines("ENTRYPOINT"), [r#"["adit"]"#]);
    assert_eq!(image.command, ["node"]);
    assert_eq!(image.health_check, ["status"]);
    assert_eq!(image.environment["ADIT_HOST"], "0.0.0.0");
    let [user] = *image.lines("USER") else {
        panic!("expected one USER");
    };
    assert_ne!(user.parse::<u32>().unwrap(), 0);
    assert!(image.lines("RUN")[0].contains("--locked"));
    // A home folder made in the usual way is not empty, and so no data folder.
    assert!(image.lines("RUN")[1].contains("--no-create-home"));
}

#[test]
fn the_image_is_built_with_the_rust_of_the_toolchain_file() {
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "));
    let version = channel.unwrap().trim_matches('"');
    let image = Image::read();
    assert_eq!(
        image.lines("FROM")[0],
        format!("rust:{version}-slim-bookworm AS build")
    );
    assert_eq!(image.lines("FROM")[1], "debian:bookworm-slim");
}

#[test]
fn the_build_is_given_what_it_reads_and_nothing_else() {
    let rules = read(".dockerignore");
    let rules: Vec<&str> = rules
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(rules, ["*", "!Cargo.lock", "!Cargo.toml", "!crates"]);
}

/// What is read of `compose.yaml`; there must be nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Option<()>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    build: Option<String>,
    image: String,
    environment: BTreeMap<String, String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    #[serde(rename = "restart")]
    _restart: String,
}

impl Compose {
    fn read() -> Compose {
        serde_saphyr::from_str(&read("compose.yaml")).unwrap()
    }
}

impl Service {
    /// Its environment where the services stand at other places than their
    /// names and port 5000.
    fn environment_at(&self, places: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
        let mut environment = self.environment.clone();
        for value in environment.values_mut() {
            for (name, place) in places {
                *value = value.replace(&format!("{name}:5000"), place);
            }
        }
        environment
    }
}

/// What is read of the `Dockerfile`.
struct Image {
    text: String,
    environment: BTreeMap<String, String>,
    /// The arguments of its entry point, which is `adit`.
    command: Vec<String>,
    /// The arguments of `adit` that ask how the node is.
    health_check: Vec<String>,
}

impl Image {
    fn read() -> Image {
        let text = read("Dockerfile");
        let variables = lines(&text, "ENV").into_iter();
        let variables = variables.map(|line| line.split_once('=').unwrap());
        let command = serde_json::from_str(lines(&text, "CMD")[0]).unwrap();
        let (_, check) = lines(&text, "HEALTHCHECK")[0].split_once(" CMD ").unwrap();
        let mut check: Vec<String> = serde_json::from_str(check).unwrap();
        assert_eq!(check.remove(0), "adit");
        Image {
            environment: variables
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            command,
            health_check: check,
            text,
        }
    }

    fn lines(&self, instruction: &str) -> Vec<&str> {
        lines(&self.text, instruction)
    }
}

/// What follows that instruction, wherever it stands in a `Dockerfile`.
fn lines<'a>(text: &'a str, instruction: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '))
        .collect()
}

/// A file at the root of the project.
fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
