//! E-mail, over SMTP: text and HTML side by side, and the page with its charts to keep. Protected by TLS, or on this
//! machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use super::authorities::certificates;
use super::http::is_loopback;
use super::{Message, NotifyError};
use crate::complaint;
use crate::configuration::{Mail, MailTls};

/// How long the server may take for each step.
const PATIENCE: Duration = Duration::from_secs(30);
/// The page's name among the attachments.
const PAGE: &str = "coffre.html";

pub(super) fn send(to: &Mail, authorities: Option<&Path>, message: &Message) -> Result<(), NotifyError> {
    let mail = compose(to, message)?;
    let server = transport(to, authorities)?;
    let lost = |error: lettre::transport::smtp::Error| {
        let why = NotifyError::said(&complaint::chain(&error));
        NotifyError::Unreachable { to: format!("the mail server {}", to.server), why }
    };
    server.send(&mail).map(drop).map_err(lost)
}

fn compose(to: &Mail, message: &Message) -> Result<lettre::Message, NotifyError> {
    let unusable = |what: &str, why: &dyn std::fmt::Display| NotifyError::Address {
        what: what.to_owned(),
        why: NotifyError::said(&why.to_string()),
    };
    let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| unusable(text, &error));
    let mut mail = lettre::Message::builder().from(mailbox(&to.from)?).subject(&message.subject);
    for reader in &to.to {
        mail = mail.to(mailbox(reader)?);
    }
    let text = SinglePart::plain(message.text.clone());
    let Some((shown, page)) = &message.html else {
        return mail.singlepart(text).map_err(|error| unusable(&to.from, &error));
    };
    let both = MultiPart::alternative().singlepart(text).singlepart(SinglePart::html(shown.clone()));
    let kept = Attachment::new(PAGE.to_owned()).body(page.clone(), ContentType::TEXT_HTML);
    let whole = MultiPart::mixed().multipart(both).singlepart(kept);
    mail.multipart(whole).map_err(|error| unusable(&to.from, &error))
}

fn transport(to: &Mail, authorities: Option<&Path>) -> Result<SmtpTransport, NotifyError> {
    let protected = || parameters(&to.server, authorities);
    let (tls, port) = match to.tls {
        MailTls::Starttls => (Tls::Required(protected()?), 587),
        MailTls::Implicit => (Tls::Wrapper(protected()?), 465),
        MailTls::None if is_loopback(&to.server) => (Tls::None, 25),
        MailTls::None => {
            let why = "it is not protected; set `tls` to \"starttls\" or \"implicit\" beyond this machine".to_owned();
            return Err(NotifyError::Address { what: to.server.clone(), why });
        }
    };
    let mut server =
        SmtpTransport::builder_dangerous(&to.server).port(to.port.unwrap_or(port)).tls(tls).timeout(Some(PATIENCE));
    if let (Some(user), Some(file)) = (&to.user, &to.password_file) {
        let unreadable = |source| NotifyError::Secret { path: file.clone(), source };
        let password = fs::read_to_string(file).map_err(unreadable)?;
        server = server.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
    }
    Ok(server.build())
}

fn parameters(server: &str, authorities: Option<&Path>) -> Result<TlsParameters, NotifyError> {
    let unusable = |error: lettre::transport::smtp::Error| NotifyError::Address {
        what: server.to_owned(),
        why: NotifyError::said(&complaint::chain(&error)),
    };
    let mut parameters = TlsParameters::builder(server.to_owned());
    if let Some(file) = authorities {
        // These alone.
        parameters = parameters.certificate_store(CertificateStore::None);
        for certificate in certificates(file)? {
            let authority = Certificate::from_der(certificate.to_vec()).map_err(unusable)?;
            parameters = parameters.add_root_certificate(authority);
        }
    }
    parameters.build_rustls().map_err(unusable)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_are_named_are_needed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, "nothing of PEM").unwrap();
        let refused = parameters("mail.example.fr", Some(&file)).err().unwrap().to_string();
        assert!(refused.contains("holds no certificate of an authority"), "{refused}");
        let unreadable = parameters("mail.example.fr", Some(&folder.path().join("none"))).err().unwrap();
        assert!(matches!(unreadable, NotifyError::Secret { .. }), "{unreadable}");
        assert!(parameters("mail.example.fr", None).is_ok());
    }
}
