//! One process per data folder.

use adit_store::{Durability, Store, StoreError, reindex};
use tempfile::tempdir;

#[test]
fn a_second_opener_is_told_who_has_the_folder() {
    let folder = tempdir().unwrap();
    let first = Store::open(folder.path(), "port 5000", Durability::None).unwrap();
    for error in [
        Store::open(folder.path(), "port 5001", Durability::None).unwrap_err(),
        reindex(folder.path(), "reindex").unwrap_err(),
    ] {
        let StoreError::Locked { holder, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(
            *holder,
            format!("process {}, port 5000", std::process::id())
        );
        let message = error.to_string();
        assert!(
            message.contains(&folder.path().display().to_string()),
            "{message}"
        );
        assert!(message.contains("--data-dir"), "{message}");
    }
    let reader = first.store.reader();
    drop(first);
    Store::open(folder.path(), "port 5001", Durability::None).unwrap_err();
    drop(reader);
    Store::open(folder.path(), "port 5001", Durability::None).unwrap();
}
