//! The capture's way to the writer's thread. It keeps no vault open: when the vault is closed, the
//! writer answers that it is stopping.

use std::sync::Arc;
use std::sync::mpsc::channel;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::{GenerationId, RequestId};

use crate::clock::SystemEntropy;
use crate::disclosure::Depends;
use crate::error::Unavailable;
use crate::log_file::Tail;
use crate::transactions::NoteOnly;
use crate::writer::{Files, Message, Sender, Shared};

/// What is shared with the vault, and how to ask its writer.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) shared: Arc<Shared>,
    pub(crate) messages: Sender,
    pub(crate) generation: GenerationId,
}

impl Door {
    /// Runs something on the writer's thread between two groups, and gives its answer.
    pub(crate) fn exclusively<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Arc<Shared>, &Files, &Tail) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = channel();
        let shared = Arc::clone(&self.shared);
        let message = Message::Exclusive(Box::new(move |ready| {
            let _gone = answer.send(ready.map(|(files, tail)| act(&shared, files, tail)));
        }));
        self.messages.send(message);
        answered.recv().unwrap_or(Err(Unavailable::Stopping))
    }

    /// Notes in the log that a base backup is taken, by nobody's request.
    pub(super) fn note_base(&self) {
        let draft = Draft::new(Action::CaptureBase, Decision::Allow, RequestId::random(&mut SystemEntropy));
        let (message, noted) = Message::write(NoteOnly, draft, None, Depends::default());
        self.messages.send(message);
        if let Err(error) = noted.wait() {
            tracing::warn!(%error, "the entry of a base backup could not be written");
        }
    }
}
