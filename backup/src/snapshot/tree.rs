//! What restic lists of a snapshot. It is listed before anything is fetched, and nothing is fetched of what no spool holds.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, ObjectName, Ordinal, Side};

use super::SnapshotError;
use super::until::Until;
use crate::destination::{Allowance, Contents};
use crate::observer::Observer;
use crate::restic::messages::Node;
use crate::restic::{Repository, Restic};

/// Why what is listed is not worked with.
#[derive(Debug, Clone, Copy)]
enum Unfit {
    TooMany,
    Foreign,
}

impl Unfit {
    fn told(self, repository: &Repository) -> SnapshotError {
        let repository = repository.label();
        match self {
            Self::TooMany => SnapshotError::TooMany { repository },
            Self::Foreign => SnapshotError::Foreign { repository },
        }
    }
}

/// The files of the main side as restic lists them, by folder.
#[derive(Default)]
pub(super) struct Tree {
    /// The full identifier of the snapshot, as far as restic says it.
    pub(super) id: Option<String>,
    pub(super) folders: BTreeMap<String, Contents>,
    allowance: Allowance,
}

impl Tree {
    pub(super) fn of(
        restic: &Restic,
        repository: &Repository,
        snapshot: &str,
        observer: &mut dyn Observer,
    ) -> Result<Self, SnapshotError> {
        let (mut tree, unfit) = (Self::default(), Cell::new(None));
        let over = || unfit.get().is_some();
        let each = |node: Node| unfit.set(unfit.get().or_else(|| tree.add(&node).err()));
        let listed = restic.list(repository, snapshot, each, &mut Until { observer, over: &over });
        if let Some(unfit) = unfit.get() {
            return Err(unfit.told(repository));
        }
        tree.id = listed?;
        tree.sort().map_err(|unfit| unfit.told(repository))?;
        Ok(tree)
    }

    /// Whether a chain goes on where that of another ends. What is named so is proven when it is read.
    pub(super) fn goes_beyond(&self, other: &Self, scope: &Scope) -> bool {
        let others = other.ends(scope);
        self.ends(scope).iter().any(|(id, end)| others.get(id).is_some_and(|other| end > other))
    }

    /// The last place of each chain.
    fn ends(&self, scope: &Scope) -> BTreeMap<(GenerationId, Chain), Ordinal> {
        let mut ends = BTreeMap::new();
        for (folder, contents) in &self.folders {
            for (name, _) in &contents.objects {
                if let Ok(
                    ObjectName::Base { generation, chain, position }
                    | ObjectName::Segment { generation, chain, position },
                ) = ObjectName::parse(&format!("{folder}/{name}"), scope)
                {
                    let end = ends.entry((generation, chain)).or_insert(position);
                    *end = position.max(*end);
                }
            }
        }
        ends
    }

    /// Takes note of one, if there is room for it.
    fn add(&mut self, node: &Node) -> Result<(), Unfit> {
        let path = node.path.trim_start_matches('/');
        if path.split('/').next() != Some(Side::Main.folder()) {
            return Ok(());
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !self.allowance.name(if node.kind == "dir" { path } else { name }) {
            return Err(Unfit::TooMany);
        }
        let contents = self.folders.entry(folder.to_owned()).or_default();
        match node.kind.as_str() {
            "file" => contents.objects.push((name.to_owned(), node.size)),
            "dir" => {
                contents.folders.push(name.to_owned());
                self.folders.entry(path.to_owned()).or_default();
            }
            _ => return Err(Unfit::Foreign),
        }
        Ok(())
    }

    /// Sorts what was listed, each name once.
    fn sort(&mut self) -> Result<(), Unfit> {
        for Contents { objects, folders } in self.folders.values_mut() {
            objects.sort_unstable();
            folders.sort_unstable();
            let mut names = objects.iter().map(|(name, _)| name).chain(folders.iter());
            let mut seen = BTreeSet::new();
            if !names.all(|name| seen.insert(name)) {
                return Err(Unfit::Foreign);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str, path: &str) -> Node {
        Node { kind: kind.to_owned(), path: path.to_owned(), size: 1 }
    }

    #[test]
    fn a_snapshot_that_lists_without_an_end_is_not_kept() {
        let mut tree = Tree { allowance: Allowance::of(2_000), ..Tree::default() };
        for _ in 0..100 {
            assert!(tree.add(&node("file", "/elsewhere/object")).is_ok(), "it is passed over");
        }
        let kept = (0..100).take_while(|number| tree.add(&node("file", &format!("/main/a/{number}"))).is_ok()).count();
        assert!((10..30).contains(&kept), "{kept}");
        assert!(matches!(tree.add(&node("dir", "/main/b")), Err(Unfit::TooMany)));
        assert!(tree.sort().is_ok());
        assert_eq!(tree.folders.get("main/a").map(|contents| contents.objects.len()), Some(kept));
    }

    #[test]
    fn what_restic_could_follow_out_of_the_folder_it_fetches_to_is_refused() {
        let is_taken = |more: &[(&str, &str)]| {
            let mut tree = Tree::default();
            let spool = [("dir", "/main"), ("dir", "/main/a"), ("file", "/main/a/one"), ("file", "/main/a/two")];
            let added = spool.iter().chain(more).try_for_each(|(kind, path)| tree.add(&node(kind, path)));
            added.and_then(|()| tree.sort()).is_ok()
        };
        assert!(is_taken(&[("dir", "/main/b"), ("file", "/main/b/one"), ("symlink", "/elsewhere")]));
        for foreign in [
            ("symlink", "/main/a/one"),
            ("symlink", "/main"),
            ("fifo", "/main/a/three"),
            ("file", "/main/a/one"),
            ("file", "/main/a"),
            ("dir", "/main/a"),
            ("dir", "/main/a/two"),
        ] {
            assert!(!is_taken(&[foreign]), "{foreign:?}");
        }
    }
}
