//! A legacy database that looks like the Legal service's COBOL application's, with nothing true in it:
//! for the demonstration and the tests. The same seed gives the same bytes; memory stays flat.

mod client;
mod columns;
mod dice;
mod dirt;
mod names;
mod pdf;
mod story;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coffre_store::plain::{PlainWriter, SourceValue};

use self::client::{Client, Contract, contract};
use self::columns::{SCHEMA, behaviour_row, client_row, contract_row, padded};
use self::dice::Dice;
use self::dirt::Dirt;
pub(crate) use self::dirt::Planted;
pub(crate) use self::story::Story;
use self::story::{story, told};

/// The folder of copies that are files, beside the database.
const FOLDER: &str = "contrats";
/// Choices for what a client has besides its own are drawn at positions that no client has.
const ELSEWHERE: u64 = 1 << 32;
/// The tables.
const CLIENT: &str = "CLIENT";
const BEHAVIOUR: &str = "COMPORT";
const CONTRACT: &str = "CONTRAT";

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GeneratorReport {
    /// Rows of `CLIENT`.
    pub(crate) clients: u64,
    /// Rows of `COMPORT`.
    pub(crate) behaviours: u64,
    /// Rows of `CONTRAT`.
    pub(crate) contracts: u64,
    /// Copies of contracts, whole or damaged, in the database and in files.
    pub(crate) documents: u64,
    /// Those of them that are files.
    pub(crate) files: u64,
    /// Records that an import must bring.
    pub(crate) importable: u64,
    /// Documents that it must bring.
    pub(crate) importable_documents: u64,
    /// Every row that it must reject, in the order of the rows written.
    pub(crate) planted: Vec<Planted>,
    /// Who plays which part in the demonstration.
    pub(crate) story: Story,
}

/// Whether contracts come with copies of them: by far the most bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    Made,
    LeftOut,
}

/// Makes a database of so many clients at a path where nothing is yet. Copies of contracts that are
/// files go into the folder `contrats` beside it.
pub(crate) fn generate(clients: u64, seed: u64, copies: Copies, out: &Path) -> anyhow::Result<GeneratorReport> {
    let writer = PlainWriter::create(out, SCHEMA)?;
    let report = GeneratorReport {
        clients: 0,
        behaviours: 0,
        contracts: 0,
        documents: 0,
        files: 0,
        importable: 0,
        importable_documents: 0,
        planted: Vec::new(),
        story: story(clients),
    };
    let folder = out.parent().unwrap_or(Path::new("")).join(FOLDER);
    let mut generator = Generator { writer, folder, copies, report };
    for position in 0..clients {
        generator.client(seed, position)?;
    }
    let Generator { writer, report, .. } = generator;
    writer.finish()?;
    Ok(report)
}

struct Generator {
    writer: PlainWriter,
    folder: PathBuf,
    copies: Copies,
    report: GeneratorReport,
}

impl Generator {
    fn client(&mut self, seed: u64, position: u64) -> anyhow::Result<()> {
        let mut client = told(seed, position);
        let dirt = Dirt::at(position);
        if client.contracts.is_empty() && dirt.is_some_and(Dirt::is_in_a_contract) {
            client.contracts.push(contract(&mut Dice::new(seed, position + ELSEWHERE), position, 0));
        }
        self.client_row(&client, dirt)?;
        self.behaviour_row(&client, dirt)?;
        for (rank, contract) in client.contracts.iter().enumerate() {
            self.contract(&client, contract, dirt.filter(|_| rank == 0))?;
        }
        match dirt {
            Some(Dirt::OrphanContract) => self.orphan(seed, position)?,
            Some(Dirt::DuplicateNumber) => {
                // Somebody else under the same number; of the two, neither can be imported.
                let twin = Client { number: client.number.clone(), ..told(seed, position + ELSEWHERE) };
                self.client_row(&twin, dirt)?;
            }
            _ => {}
        }
        if dirt.is_none_or(Dirt::spares_the_client) {
            self.report.importable += 1;
            if self.copies == Copies::Made {
                self.report.importable_documents += client.contracts.len() as u64;
            }
        }
        Ok(())
    }

    fn client_row(&mut self, client: &Client, dirt: Option<Dirt>) -> anyhow::Result<()> {
        let mut row = client_row(client);
        self.report.clients += 1;
        self.spoil(CLIENT, self.report.clients, &mut row, dirt);
        Ok(self.writer.insert(CLIENT, &row)?)
    }

    fn behaviour_row(&mut self, client: &Client, dirt: Option<Dirt>) -> anyhow::Result<()> {
        let mut row = behaviour_row(client);
        self.report.behaviours += 1;
        self.spoil(BEHAVIOUR, self.report.behaviours, &mut row, dirt);
        Ok(self.writer.insert(BEHAVIOUR, &row)?)
    }

    fn contract(&mut self, client: &Client, contract: &Contract, dirt: Option<Dirt>) -> anyhow::Result<()> {
        let mut row = contract_row(&client.number, contract);
        let [.., blob, path] = row.as_mut_slice() else { return Ok(()) };
        match dirt {
            Some(Dirt::MissingFile) => *path = padded(r"PERDUS\COPIE.PDF", 40),
            Some(Dirt::DamagedCopy) => {
                let mut copy = pdf::contract_copy(client, contract);
                copy.truncate(copy.len() / 2);
                *blob = SourceValue::Blob(copy);
                self.report.documents += 1;
            }
            _ if self.copies == Copies::LeftOut => {}
            _ if contract.in_file => {
                *path = padded(&self.file(contract, &pdf::contract_copy(client, contract))?, 40);
            }
            _ => {
                *blob = SourceValue::Blob(pdf::contract_copy(client, contract));
                self.report.documents += 1;
            }
        }
        self.report.contracts += 1;
        self.spoil(CONTRACT, self.report.contracts, &mut row, dirt.filter(|d| d.is_in_a_contract()));
        Ok(self.writer.insert(CONTRACT, &row)?)
    }

    /// Writes a copy beside the database, and gives its path as the application wrote paths.
    fn file(&mut self, contract: &Contract, copy: &[u8]) -> anyhow::Result<String> {
        let (year, name) = (contract.start.year.to_string(), format!("{}.PDF", contract.number));
        let folder = self.folder.join(&year);
        let file = folder.join(&name);
        let write = || {
            fs::create_dir_all(&folder)?;
            fs::write(&file, copy)
        };
        write()
            .with_context(|| format!("{} cannot be written: check its folder and the space left", file.display()))?;
        self.report.documents += 1;
        self.report.files += 1;
        Ok(format!("{year}\\{name}"))
    }

    /// A contract of a client that is not there.
    fn orphan(&mut self, seed: u64, position: u64) -> anyhow::Result<()> {
        let contract = contract(&mut Dice::new(seed, position + ELSEWHERE), position, 9);
        let row = contract_row(&format!("0{:07}", position % 10_000_000), &contract);
        self.report.contracts += 1;
        self.plant(CONTRACT, self.report.contracts, Dirt::OrphanContract);
        Ok(self.writer.insert(CONTRACT, &row)?)
    }

    fn spoil(&mut self, table: &'static str, row: u64, values: &mut [SourceValue], dirt: Option<Dirt>) {
        if let Some(dirt) = dirt.filter(|dirt| dirt.reject().0 == table && *dirt != Dirt::OrphanContract) {
            dirt.spoil(table, values);
            self.plant(table, row, dirt);
        }
    }

    /// Rows are numbered as they are written: `SQLite` counts row ids from 1.
    fn plant(&mut self, table: &'static str, row: u64, dirt: Dirt) {
        let (_, column, reason) = dirt.reject();
        self.report.planted.push(Planted { table, row: row.cast_signed(), column, reason });
    }
}
