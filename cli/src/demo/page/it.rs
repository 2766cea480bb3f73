//! For IT: whether the backup is good, that it shows nothing, and how the restore went.

use maud::{Markup, html};

use super::chart::timeline;
use super::parts::{chapter, definitions, part, table, verdict};
use super::voice::Voice;
use crate::demo::facts::{Backup, Blindness, Environments, Facts, Loss};

pub(super) fn section(voice: Voice, facts: &Facts) -> Markup {
    let lead = voice.say(
        "Sauvegarder, vérifier et restaurer sans jamais pouvoir lire : l'informatique tient les sauvegardes, pas les clés.",
        "To back up, verify and restore without ever being able to read: IT holds the backups, not the keys.",
    );
    let content = html! {
        (chapter(&voice.say("État de la sauvegarde", "Backup status"), &backup(voice, &facts.backup)))
        (chapter(&voice.say("Ce que voit le compte de sauvegarde", "What the backup account sees"), &blindness(voice, &facts.blindness)))
        (chapter(&voice.say("Compte rendu de restauration", "Restore report"), &restore(voice, &facts.loss)))
        (chapter(&voice.say("Production et recette", "Production and recette"), &environments(voice, &facts.environments)))
    };
    part("it", &voice.say("Troisième partie", "Part three"), &voice.say("Informatique", "IT"), &lead, &content)
}

fn backup(voice: Voice, backup: &Backup) -> Markup {
    let figures = voice.figures();
    let age = format!("{} s", figures.count(backup.age.as_secs()));
    let (objects, bytes) = (figures.count(backup.objects), figures.bytes(backup.bytes));
    let took = figures.duration(backup.took);
    let commands = [
        (
            "coffre backup run",
            0,
            voice.say(
                &format!("{objects} objets, {bytes}, en {took}"),
                &format!("{objects} objects, {bytes}, in {took}"),
            ),
        ),
        (
            "coffre backup verify",
            backup.verify_exit,
            voice.say(
                "signatures, chaînes et contenus vérifiés partout, sans clé",
                "signatures, chains and contents verified everywhere, without a key",
            ),
        ),
        (
            "coffre backup status",
            backup.status_exit,
            voice.say(
                &format!("dernière bonne sauvegarde il y a {age} ; objectif : {} heures", backup.objective_hours),
                &format!("last good backup {age} ago; objective: {} hours", backup.objective_hours),
            ),
        ),
    ];
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Commande", "Command")) }
                th.number scope="col" { (voice.say("Code", "Exit code")) }
                th scope="col" { (voice.say("Résultat", "Result")) }
            }
        }
        tbody {
            @for (command, exit, result) in commands {
                tr { th scope="row" { code { (command) } } td.number { (exit) } td { (result) } }
            }
        }
    };
    html! {
        (table(&voice.say(
            "Les codes de sortie que lisent OpCon, cron ou systemd",
            "The exit codes that OpCon, cron or systemd read",
        ), &rows))
        (definitions(&[
            (voice.say("Instantané restic", "restic snapshot"), html! {
                code { (backup.snapshot.get(..8).unwrap_or(&backup.snapshot)) }
                ", restic " (backup.restic_version) ", " (figures.bytes(backup.repository_bytes))
            }),
        ]))
    }
}

fn blindness(voice: Voice, blindness: &Blindness) -> Markup {
    let figures = voice.figures();
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Lieu fouillé", "Place searched")) }
                th.number scope="col" { (voice.say("Fichiers", "Files")) }
                th.number scope="col" { (voice.say("Taille", "Size")) }
            }
        }
        tbody {
            @for place in &blindness.places {
                tr {
                    th scope="row" { (voice.label(&place.name)) }
                    td.number { (figures.count(place.files)) }
                    td.number { (figures.bytes(place.bytes)) }
                }
            }
        }
    };
    let all = blindness.found_in_source == blindness.values();
    html! {
        (verdict(blindness.hits == 0, &searched_for(voice, blindness)))
        (verdict(all, &voice.say(
            &format!(
                "Contre-épreuve : la même recherche en trouve {} sur {} dans la base COBOL.",
                figures.count(blindness.found_in_source), figures.count(blindness.values()),
            ),
            &format!(
                "Control: the same search finds {} of {} in the COBOL database.",
                figures.count(blindness.found_in_source), figures.count(blindness.values()),
            ),
        )))
        (table(&voice.say(
            "Contenu et noms de fichiers, en UTF-8, Latin-1 et UTF-16",
            "Contents and names of files, in UTF-8, Latin-1 and UTF-16",
        ), &rows))
        p.note { (chance(voice, blindness)) }
    }
}

fn searched_for(voice: Voice, blindness: &Blindness) -> String {
    let figures = voice.figures();
    let [hits, full, single, emails, numbers] =
        [blindness.hits, blindness.full_names, blindness.names, blindness.emails, blindness.numbers]
            .map(|count| figures.count(count));
    voice.say(
        &format!(
            "{hits} occurrence de {full} noms complets, {single} noms et prénoms seuls, {emails} adresses électroniques \
             et {numbers} numéros de clients."
        ),
        &format!(
            "{hits} occurrences of {full} full names, {single} family and given names alone, {emails} e-mail addresses \
             and {numbers} client numbers."
        ),
    )
}

fn chance(voice: Voice, blindness: &Blindness) -> String {
    let Blindness { short, shortest, expected_by_chance: expected, .. } = blindness;
    voice.say(
        &format!(
            "{short} noms de moins de {shortest} lettres ne sont cherchés que dans le nom complet : seuls, le hasard les \
             produit. Pour tout le reste, le hasard produirait {expected:.0e} occurrence."
        ),
        &format!(
            "{short} names of fewer than {shortest} letters are searched as part of the full name only: by themselves, \
             chance produces them. Of all the others, chance would produce {expected:.0e} occurrences."
        ),
    )
}

fn restore(voice: Voice, loss: &Loss) -> Markup {
    let figures = voice.figures();
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Étape", "Phase")) }
                th.number scope="col" { (voice.say("Durée", "Time")) }
            }
        }
        tbody {
            @for phase in &loss.phases {
                tr { th scope="row" { (voice.label(&phase.name)) } td.number { (figures.duration(phase.took)) } }
            }
        }
        tfoot {
            tr { th scope="row" { (voice.say("Total", "Total")) } td.number { (figures.duration(loss.took)) } }
        }
    };
    html! {
        (verdict(loss.identical(), &compared(voice, loss)))
        p { (what_was_lost(voice, loss)) }
        (timeline(voice, loss))
        (table(&voice.say("De la perte à la première réponse", "From the loss to the first answer"), &rows))
        p.note {
            (voice.say(
                &format!(
                    "Le journal continue : la première écriture de la nouvelle génération nomme la tête de l'ancienne, à \
                     {} écritures.",
                    figures.count(loss.log_continues_at),
                ),
                &format!(
                    "The log goes on: the first entry of the new generation names the head of the old one, at {} entries.",
                    figures.count(loss.log_continues_at),
                ),
            ))
        }
    }
}

fn compared(voice: Voice, loss: &Loss) -> String {
    let [same_records, records, same_documents, documents] =
        [loss.identical_records, loss.records, loss.identical_documents, loss.documents]
            .map(|count| voice.figures().count(count));
    voice.say(
        &format!(
            "{same_records} dossiers sur {records} et {same_documents} documents sur {documents} sont identiques, comparés \
             un à un."
        ),
        &format!(
            "{same_records} of {records} records and {same_documents} of {documents} documents are identical, compared one \
             by one."
        ),
    )
}

fn what_was_lost(voice: Voice, loss: &Loss) -> String {
    let (files, bytes) = (voice.figures().count(loss.wiped_files), voice.figures().bytes(loss.wiped_bytes));
    let (pid, fetched) = (loss.killed_pid, voice.figures().bytes(loss.restored_bytes));
    voice.say(
        &format!(
            "Processus {pid} tué par kill -9 ; {files} fichiers ({bytes}) effacés : le coffre, ses clés et la file des \
             sauvegardes. Restauré du dépôt restic ({fetched}), avec le trousseau de l'autre bâtiment et l'identité de \
             secours ; les applications se présentent avec leurs jetons d'avant."
        ),
        &format!(
            "Process {pid} ended by kill -9; {files} files ({bytes}) wiped: the vault, its keys and the spool of its \
             backups. Restored from the restic repository ({fetched}), with the keyring from the other building and the \
             recovery identity; applications come back with the tokens they had."
        ),
    )
}

fn environments(voice: Voice, environments: &Environments) -> Markup {
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Tentative", "Attempt")) }
                th.number scope="col" { (voice.say("Code", "Exit code")) }
                th scope="col" { (voice.say("Réponse", "Answer")) }
            }
        }
        tbody {
            @for attempt in &environments.attempts {
                tr {
                    th scope="row" { (voice.label(&attempt.what)) }
                    td.number { (attempt.exit) }
                    td lang="en" { (attempt.message) }
                }
            }
        }
    };
    html! {
        p {
            (voice.say(
                "L'environnement et l'identifiant du coffre entrent dans chaque clé dérivée : rien de la production ne s'ouvre en recette.",
                "The environment and the vault's identifier are part of every derived key: nothing of production opens in recette.",
            ))
        }
        (table(&voice.say("Clés de production dans le coffre de recette", "Production's keys in the recette vault"), &rows))
    }
}
