//! What a disk may hold after a power loss: everything that was synced, and of the rest whatever the dice say. A write
//! that was not synced may be there, not be there, or be there by some of its sectors, whatever became of those before
//! it; a name that was given or taken away may not have been if its folder was not synced.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::recording::{File, Op};
use crate::dice::Dice;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(File),
    Folder,
}

/// Names and contents.
#[derive(Clone)]
pub(super) struct Disk {
    names: BTreeMap<PathBuf, Node>,
    contents: HashMap<File, Vec<u8>>,
}

/// How the unsynced is treated: most of what is wrong shows under one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// None of it is there.
    Lost,
    /// All of it is, as after a kill.
    Kept,
    /// Each by itself.
    Reordered,
    /// Each by itself, and writes by their sectors.
    Torn,
}

impl Disk {
    /// A folder as it lies there, and its files by their inodes. All of it counts as synced.
    pub(super) fn of(root: &Path) -> (Self, BTreeMap<u64, File>) {
        let mut disk = Self { names: BTreeMap::new(), contents: HashMap::new() };
        let mut inodes = BTreeMap::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).expect("readable") {
                let entry = entry.expect("readable");
                let (path, metadata) = (folder.join(entry.file_name()), entry.metadata().expect("readable"));
                if metadata.is_dir() {
                    disk.names.insert(path.clone(), Node::Folder);
                    folders.push(path);
                } else if metadata.is_file() {
                    let file = inodes.len();
                    inodes.insert(metadata.ino(), file);
                    disk.names.insert(path, Node::File(file));
                    disk.contents.insert(file, fs::read(entry.path()).expect("readable"));
                }
            }
        }
        (disk, inodes)
    }

    /// What may be there when the power goes after these.
    pub(super) fn after(&self, ops: &[Op], dice: &mut Dice) -> Self {
        let manners = [Manner::Lost, Manner::Kept, Manner::Reordered, Manner::Torn];
        let manner = manners[dice.below(manners.len())];
        let synced = synced(ops);
        let mut lossy = Lossy { disk: self.clone(), live: self.names.clone() };
        for (index, op) in ops.iter().enumerate() {
            let kept =
                synced.contains(&index) || manner == Manner::Kept || (manner != Manner::Lost && dice.percent(50));
            match op {
                Op::Write { file, at, bytes } if !synced.contains(&index) && manner == Manner::Torn => {
                    lossy.write_torn(*file, *at, bytes, dice);
                }
                _ => lossy.apply(op, kept),
            }
        }
        lossy.disk
    }

    /// What is sure to be there.
    pub(super) fn least(&self, ops: &[Op]) -> Self {
        let synced = synced(ops);
        let mut lossy = Lossy { disk: self.clone(), live: self.names.clone() };
        ops.iter().enumerate().for_each(|(index, op)| lossy.apply(op, synced.contains(&index)));
        lossy.disk
    }

    /// Whether there is something under a name, and under those above it.
    pub(super) fn has(&self, path: &Path) -> bool {
        path.ancestors().filter(|above| !above.as_os_str().is_empty()).all(|above| self.names.contains_key(above))
    }

    /// What a file has, if it and the folders above it are there.
    pub(super) fn content(&self, path: &Path) -> Option<&[u8]> {
        let Some(Node::File(file)) = self.names.get(path).filter(|_| self.has(path)) else { return None };
        Some(self.contents.get(file).map_or(&[], Vec::as_slice))
    }

    /// Puts it into an empty folder. What is below a folder that is not there is not there either.
    pub(super) fn put(&self, root: &Path) {
        for (path, node) in &self.names {
            let there = root.join(path);
            if !there.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match node {
                Node::Folder => fs::DirBuilder::new().mode(0o700).create(there).expect("made"),
                Node::File(file) => {
                    use std::io::Write as _;
                    let mut new =
                        fs::File::options().write(true).create_new(true).mode(0o600).open(there).expect("new");
                    new.write_all(self.contents.get(file).map_or(&[], Vec::as_slice)).expect("written");
                }
            }
        }
    }
}

/// A disk that loses things, beside what its processes saw.
struct Lossy {
    disk: Disk,
    live: BTreeMap<PathBuf, Node>,
}

impl Lossy {
    fn apply(&mut self, op: &Op, kept: bool) {
        let names = &mut self.disk.names;
        match op {
            Op::Create { file, path } => {
                self.live.insert(path.clone(), Node::File(*file));
                self.disk.contents.entry(*file).or_default();
                if kept {
                    names.insert(path.clone(), Node::File(*file));
                }
            }
            Op::MakeFolder(path) => {
                self.live.insert(path.clone(), Node::Folder);
                if kept {
                    names.insert(path.clone(), Node::Folder);
                }
            }
            Op::Rename { from, to } => {
                let Some(node) = self.live.remove(from) else { return };
                self.live.insert(to.clone(), node);
                if kept {
                    // One step: it is never under both names, nor under neither.
                    if names.get(from) == Some(&node) {
                        names.remove(from);
                    }
                    names.insert(to.clone(), node);
                }
            }
            Op::Remove(path) => {
                let gone = self.live.remove(path);
                if kept && names.get(path) == gone.as_ref() {
                    names.remove(path);
                }
            }
            Op::Write { file, at, bytes } if kept => self.write(*file, *at, bytes),
            Op::Truncate { file, length } if kept => self.content(*file).resize(*length, 0),
            _ => {}
        }
    }

    fn content(&mut self, file: File) -> &mut Vec<u8> {
        self.disk.contents.entry(file).or_default()
    }

    fn write(&mut self, file: File, at: usize, bytes: &[u8]) {
        let content = self.content(file);
        content.resize(content.len().max(at + bytes.len()), 0);
        content[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Sector by sector, of 512 or 4096 bytes, each there or not.
    fn write_torn(&mut self, file: File, at: usize, bytes: &[u8], dice: &mut Dice) {
        let sector = if dice.percent(50) { 512 } else { 4096 };
        let mut from = 0;
        while from < bytes.len() {
            let to = ((at + from) / sector * sector + sector - at).min(bytes.len());
            if dice.percent(50) {
                self.write(file, at + from, &bytes[from..to]);
            }
            from = to;
        }
    }
}

/// Which of these are sure to have reached the disk: of contents, what was done before a sync of the file began that
/// has ended; of names, what was done in a folder before its sync began. A rename is sure with either of its folders.
fn synced(ops: &[Op]) -> HashSet<usize> {
    let mut sure = HashSet::new();
    let mut contents: HashMap<File, Unsynced> = HashMap::new();
    let mut names: HashMap<&Path, Unsynced> = HashMap::new();
    for (index, op) in ops.iter().enumerate() {
        match op {
            Op::Write { file, .. } | Op::Truncate { file, .. } => contents.entry(*file).or_default().ops.push(index),
            Op::Syncing(file) => contents.entry(*file).or_default().begin(),
            Op::Synced(file) => sure.extend(contents.entry(*file).or_default().end()),
            Op::Create { path, .. } | Op::MakeFolder(path) | Op::Remove(path) => {
                names.entry(above(path)).or_default().ops.push(index);
            }
            Op::Rename { from, to } => {
                names.entry(above(from)).or_default().ops.push(index);
                if above(from) != above(to) {
                    names.entry(above(to)).or_default().ops.push(index);
                }
            }
            Op::SyncingFolder(path) => names.entry(path).or_default().begin(),
            Op::SyncedFolder(path) => sure.extend(names.entry(path).or_default().end()),
            Op::Event(_) => {}
        }
    }
    sure
}

/// What was done to one file or folder since its last sync, and how much of it before the sync that is under way.
#[derive(Default)]
struct Unsynced {
    ops: Vec<usize>,
    covered: Option<usize>,
}

impl Unsynced {
    /// Of two at a time the one that began first says less.
    fn begin(&mut self) {
        let length = self.ops.len();
        self.covered.get_or_insert(length);
    }

    fn end(&mut self) -> Vec<usize> {
        let covered = self.covered.take().unwrap_or_default();
        self.ops.drain(..covered).collect()
    }
}

fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
