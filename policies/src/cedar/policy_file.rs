//! From the texts of `policies/cedar/*.cedar` to one policy set, in which every policy has a name
//! that lasts and says in French and English what it does.

use std::collections::BTreeMap;

use cedar_policy::{Policy, PolicyId, PolicySet};

use super::fault::{CedarFault, Where};
use super::{Effect, PolicyNote};
use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::reason::Reason;
use crate::sources::Sources;

const DESCRIPTIONS: [&str; 2] = ["description_fr", "description_en"];

/// The text of a policy's name.
pub(super) fn text_of(id: &PolicyId) -> &str {
    id.as_ref()
}

/// What a policy says in one line, whatever remarks it has and however it is laid out: two that say the same have the same.
pub(super) fn rule(policy: &Policy) -> String {
    let bare = policy.to_json().ok().and_then(|mut json| {
        json.as_object_mut()?.remove("annotations");
        Policy::from_json(None, json).ok()
    });
    bare.as_ref().unwrap_or(policy).to_string()
}

/// All policies of the folder, and what each is.
pub(super) fn parse_all(sources: &Sources) -> Result<(PolicySet, BTreeMap<String, PolicyNote>), LoadError> {
    let mut policies = PolicySet::new();
    let mut notes: BTreeMap<String, PolicyNote> = BTreeMap::new();
    for (file, text) in sources.under("cedar", ".cedar") {
        for (place, policy) in parse(file, text)? {
            let refuse = |fault| LoadError::Cedar { place: place.clone(), fault };
            let note = note(&policy, place.clone()).map_err(refuse)?;
            let id = note.id.clone();
            if let Some(first) = notes.get(&id) {
                return Err(refuse(CedarFault::Twice { id, first: first.place.clone() }));
            }
            let named = policy.new_id(PolicyId::new(&id));
            policies
                .add(named)
                .map_err(|error| refuse(CedarFault::Syntax { message: error.to_string(), help: String::new() }))?;
            notes.insert(id, note);
        }
    }
    Ok((policies, notes))
}

/// The policies of one file and where each starts.
fn parse(file: &str, text: &str) -> Result<Vec<(Place, Policy)>, LoadError> {
    let set: PolicySet = text.parse().map_err(|error: cedar_policy::ParseErrors| {
        let r#where = Where::of(&error);
        let place = r#where.in_text(file, text);
        LoadError::Cedar { place, fault: CedarFault::Syntax { message: error.to_string(), help: r#where.help } }
    })?;
    let start = |source: &str| text.find(source).unwrap_or(0);
    if let Some(template) = set.templates().next() {
        let place = Place::of(file, text, start(&template.to_cedar()));
        return Err(LoadError::Cedar { place, fault: CedarFault::Template });
    }
    let mut policies: Vec<(usize, Policy)> =
        set.policies().map(|policy| (start(&policy.to_cedar().unwrap_or_default()), policy.clone())).collect();
    policies.sort_by_key(|(start, _)| *start);
    Ok(policies.into_iter().map(|(start, policy)| (Place::of(file, text, start), policy)).collect())
}

fn note(policy: &Policy, place: Place) -> Result<PolicyNote, CedarFault> {
    let id = policy.annotation("id").ok_or(CedarFault::NoId)?.to_owned();
    if !is_name(&id) {
        return Err(CedarFault::Id { id });
    }
    let read = |name: &str| name == "id" || name == "reason" || DESCRIPTIONS.contains(&name);
    if let Some((annotation, _)) = policy.annotations().find(|(name, _)| !read(name)) {
        return Err(CedarFault::UnknownAnnotation { id, annotation: annotation.to_owned() });
    }
    let [fr, en] = DESCRIPTIONS.map(|annotation| {
        let description = policy.annotation(annotation).filter(|description| !description.trim().is_empty());
        description.map(str::to_owned).ok_or(CedarFault::NoDescription { id: id.clone(), annotation })
    });
    let description = Labels { fr: fr?, en: en? };
    let effect = match policy.effect() {
        cedar_policy::Effect::Permit => Effect::Permit,
        cedar_policy::Effect::Forbid => Effect::Forbid,
    };
    let reason = reason(&id, effect, policy.annotation("reason"))?;
    Ok(PolicyNote { id, effect, reason, description, place })
}

fn reason(id: &str, effect: Effect, text: Option<&str>) -> Result<Option<Reason>, CedarFault> {
    let id = id.to_owned();
    let known = || Reason::OF_POLICIES.map(Reason::as_str).join(", ");
    match (effect, text) {
        (Effect::Permit, None) => Ok(None),
        (Effect::Permit, Some(_)) => Err(CedarFault::ReasonOfPermit { id }),
        (Effect::Forbid, None) => Err(CedarFault::NoReason { id, known: known() }),
        (Effect::Forbid, Some(text)) => match Reason::OF_POLICIES.into_iter().find(|r| r.as_str() == text) {
            Some(reason) => Ok(Some(reason)),
            None => Err(CedarFault::UnknownReason { id, reason: text.to_owned(), known: known() }),
        },
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
