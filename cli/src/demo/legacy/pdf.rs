//! The copy of a contract: a real PDF of one page that says on itself that it is fictitious.

use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str, TextStr};

use super::client::{Client, Contract, Date};
use super::columns::latin1;

const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const ROMAN: Ref = Ref::new(4);
const BOLD: Ref = Ref::new(5);
const CONTENT: Ref = Ref::new(6);
const INFO: Ref = Ref::new(7);

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 72.0;

/// The contract's copy. The same contract gives the same bytes.
pub(crate) fn contract_copy(client: &Client, contract: &Contract) -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES).lang(TextStr("fr-FR"));
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut page = pdf.page(PAGE);
    page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(PAGES).contents(CONTENT);
    page.resources().fonts().pair(Name(b"R"), ROMAN).pair(Name(b"B"), BOLD);
    drop(page);
    // Two of the fourteen fonts that every reader has; this encoding writes Latin-1 as Latin-1.
    for (font, name) in [(ROMAN, &b"Helvetica"[..]), (BOLD, b"Helvetica-Bold")] {
        pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    pdf.stream(CONTENT, &text(client, contract));
    let title = format!("Contrat {} (document fictif)", contract.number);
    pdf.document_info(INFO).title(TextStr(&title)).author(TextStr("Les Assureurs Engagés (fictif)"));
    pdf.finish()
}

fn text(client: &Client, contract: &Contract) -> Vec<u8> {
    let (code, product) = contract.product();
    let end = contract.end.map_or_else(|| "sans terme".to_owned(), Date::french);
    let mut lines = Lines::new();
    lines.write(b"B", 9.0, 0.0, "DOCUMENT FICTIF - DONNÉES INVENTÉES POUR UNE DÉMONSTRATION");
    lines.write(b"B", 20.0, 44.0, "Contrat d'assurance");
    lines.write(b"R", 11.0, 22.0, "Les Assureurs Engagés, service Légal");
    for (label, value) in [
        ("Contrat", contract.number.clone()),
        ("Client", client.number.clone()),
        ("Assuré", format!("{} {}", client.given, client.family)),
        ("Né(e) le", client.birth.french()),
        ("Produit", format!("{product} ({code})")),
        ("Date d'effet", contract.start.french()),
        ("Date de fin", end),
    ] {
        lines.write(b"B", 11.0, 24.0, label);
        lines.write_beside(b"R", 11.0, &value);
    }
    lines.write(
        b"R",
        10.0,
        48.0,
        "L'assureur garantit le souscripteur selon les conditions générales remises ce jour.",
    );
    lines.write(b"R", 10.0, 14.0, "Aucune personne, aucun contrat et aucune garantie de ce document n'existent.");
    lines.finish()
}

/// Lines of text, downwards.
struct Lines {
    content: Content,
}

impl Lines {
    fn new() -> Self {
        let mut content = Content::new();
        content.begin_text();
        content.next_line(MARGIN, HEIGHT - MARGIN);
        Self { content }
    }

    fn write(&mut self, font: &[u8], size: f32, down: f32, text: &str) {
        self.content.next_line(0.0, -down);
        self.content.set_font(Name(font), size).show(Str(&latin1(text)));
    }

    /// In a second column on the same line.
    fn write_beside(&mut self, font: &[u8], size: f32, text: &str) {
        const COLUMN: f32 = 120.0;
        self.content.next_line(COLUMN, 0.0);
        self.content.set_font(Name(font), size).show(Str(&latin1(text)));
        self.content.next_line(-COLUMN, 0.0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.content.end_text();
        self.content.finish().to_vec()
    }
}
