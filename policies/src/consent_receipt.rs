//! The receipt of a consent, for the person who gave it: ISO/IEC TS 27560:2023 in the words of the W3C Data Privacy
//! Vocabulary, as JSON-LD. Says what the vault knows and nothing that it does not; `docs/formats/consent-receipt.md` is its page.

use coffre_core::grant::{Basis, Grant, GrantState};
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::labels::Labels;
use crate::policies::Policies;
use crate::record_type::RecordType;
use crate::retention::StartingEvent;

/// The consent that a receipt is of.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptOf<'a> {
    /// The consent.
    pub grant: &'a Grant,
    /// The type of the record that it opens.
    pub record_type: &'a RecordTypeName,
    /// When it was stored.
    pub given_at: Timestamp,
    /// When the receipt is made.
    pub now: Timestamp,
}

impl Policies {
    /// The receipt of a consent; `None` for a grant on another basis, of which there is no consent to tell.
    pub fn consent_receipt(&self, of: &ReceiptOf<'_>) -> Option<Value> {
        (of.grant.terms.basis == Basis::Consent).then(|| Receipt { policies: self, of }.document())
    }
}

struct Receipt<'a> {
    policies: &'a Policies,
    of: &'a ReceiptOf<'a>,
}

impl Receipt<'_> {
    fn document(&self) -> Value {
        let ReceiptOf { grant, now, .. } = self.of;
        let record = urn(&grant.id.to_string());
        json!({
            "@context": context(),
            "@id": format!("{record}#receipt-{}", grant.version),
            "@type": "dpv:ConsentReceipt",
            "dct:conformsTo": "ISO/IEC TS 27560:2023",
            "dct:issued": time(*now),
            "dct:isPartOf": {
                "@id": record,
                "@type": "dpv:ConsentRecord",
                "dpv:hasIdentifier": grant.id.to_string(),
                "dct:hasVersion": grant.version,
                "dpv:hasDataSubject": urn(&grant.subject.to_string()),
                "dpv:hasProcess": self.process(),
                "dpv:hasConsentStatus": { "@id": self.status() },
                "coffre:events": self.events(),
                "coffre:evidence": grant.terms.evidence.as_ref().map(|evidence| json!({
                    "document": urn(&evidence.document.to_string()),
                    "sha256": evidence.sha256,
                })),
            },
        })
    }

    fn process(&self) -> Value {
        let terms = &self.of.grant.terms;
        let mut bases = vec![json!({ "@id": "eu-gdpr:A6-1-a" })];
        bases.extend(terms.article9.as_deref().map(|letter| json!({ "@id": format!("eu-gdpr:A9-2-{letter}") })));
        json!({
            "@type": "dpv:Process",
            "dpv:hasPurpose": self.purpose(),
            "dpv:hasLegalBasis": bases,
            "dpv:hasPersonalData": terms.fields.iter().map(|field| self.personal_data(field)).collect::<Vec<_>>(),
            "dpv:hasProcessing": { "@id": "dpv:Consult" },
            "dpv:hasRecipient": { "@type": "dpv:Recipient", "dct:identifier": terms.role.as_str() },
        })
    }

    fn purpose(&self) -> Value {
        let name = &self.of.grant.terms.purpose;
        let Some(purpose) = self.policies.purpose(name) else {
            return json!({ "@type": "dpv:Purpose", "dct:identifier": name });
        };
        json!({
            "@type": ["dpv:Purpose", purpose.dpv],
            "dct:identifier": name,
            "dct:title": in_both(&purpose.labels),
            "dct:description": in_both(&purpose.description),
        })
    }

    fn personal_data(&self, field: &FieldPath) -> Value {
        let mut data = Map::new();
        let declared = self.policies.record_type(self.of.record_type.as_str());
        let special = declared.is_some_and(|kind| kind.is_special(field));
        let kind = if special { "dpv:SpecialCategoryPersonalData" } else { "dpv:PersonalData" };
        data.insert("@type".to_owned(), kind.into());
        data.insert("dct:identifier".to_owned(), field.as_str().into());
        if let Some(definition) = declared.and_then(|kind| kind.field(field)) {
            data.insert("dct:title".to_owned(), in_both(&definition.labels));
        }
        if let Some(condition) = declared.and_then(|kind| self.storage(kind, field)) {
            data.insert("dpv:hasStorageCondition".to_owned(), condition);
        }
        data.into()
    }

    /// How long the category is kept: in daily use, then apart.
    fn storage(&self, kind: &RecordType, field: &FieldPath) -> Option<Value> {
        let own = |rule: &&crate::retention::RetentionRule| {
            rule.record_type == *kind.name() && rule.category.as_str() == field.category_str()
        };
        let rule = self.policies.retention().iter().find(own)?;
        let duration =
            |period: crate::retention::Period| json!({ "@type": "xsd:duration", "@value": period.to_string() });
        Some(json!({
            "@type": "dpv:StorageDuration",
            "dpv:hasDuration": duration(rule.active),
            "coffre:archivedFor": rule.archive.map(duration),
            "coffre:countedFrom": counted_from(rule.starts),
            "dct:source": in_both(&rule.source),
        }))
    }

    fn status(&self) -> &'static str {
        match self.of.grant.state(self.of.now) {
            GrantState::Valid | GrantState::NotYetValid => "dpv:ConsentGiven",
            GrantState::Expired => "dpv:ConsentExpired",
            GrantState::Withdrawn => "dpv:ConsentWithdrawn",
        }
    }

    fn events(&self) -> Vec<Value> {
        let ReceiptOf { grant, given_at, .. } = self.of;
        let given = json!({
            "@type": "dpv:ConsentGiven",
            "dct:date": time(*given_at),
            "coffre:validFrom": time(grant.terms.valid_from),
            "coffre:validUntil": grant.terms.valid_until.map(time),
        });
        let withdrawn = grant.withdrawn_at.map(|at| json!({ "@type": "dpv:ConsentWithdrawn", "dct:date": time(at) }));
        std::iter::once(given).chain(withdrawn).collect()
    }
}

/// The event that a duration counts from.
fn counted_from(event: StartingEvent) -> Value {
    let (term, fr, en) = match event {
        StartingEvent::Collection => ("Collection", "création du dossier", "creation of the record"),
        StartingEvent::LastContact => ("LastContact", "dernier contact", "last contact"),
        StartingEvent::ContractEnd => ("ContractEnd", "fin du contrat", "end of the contract"),
        StartingEvent::MembershipEnd => ("MembershipEnd", "fin de l'adhésion", "end of the membership"),
        StartingEvent::RequestAnswered => ("RequestAnswered", "réponse à la demande", "answer to the request"),
    };
    let title = json!([{ "@language": "fr", "@value": fr }, { "@language": "en", "@value": en }]);
    json!({ "@id": format!("coffre:{term}"), "dct:title": title })
}

fn context() -> Value {
    json!({
        "dpv": "https://w3id.org/dpv#",
        "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
        "dct": "http://purl.org/dc/terms/",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "coffre": "urn:coffre:term:",
    })
}

fn urn(id: &str) -> String {
    format!("urn:uuid:{id}")
}

fn time(at: Timestamp) -> Value {
    json!({ "@type": "xsd:dateTime", "@value": at.to_string() })
}

fn in_both(labels: &Labels) -> Value {
    json!([{ "@language": "fr", "@value": labels.fr }, { "@language": "en", "@value": labels.en }])
}
