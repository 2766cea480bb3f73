//! Sends base backups to a destination that holds the chains they stand beside, while others send segments there.

use coffre_core::spool::{KeyringManifest, MainManifest, Manifest as _, Pinned, Signed};

use super::copy::Shipment;
use super::{Bases, Compare, ShipError};
use crate::destination::{Destination, Source};
use crate::observer::Observer;
use crate::sources::Surveyed;

/// Sends them, each manifest after all that it names; gives the bytes that were copied. What is there is not sent again.
pub(crate) fn send_bases(
    (spool, ours): (&dyn Source, &Surveyed),
    destination: &dyn Destination,
    pinned: &Pinned,
    bases: &Bases,
    observer: &mut dyn Observer,
) -> Result<u64, ShipError> {
    let mut shipment = Shipment::new(spool, destination, pinned, Compare::Sizes, observer).beside_others();
    for signed in &bases.keyring {
        shipment.keyring(signed, ours)?;
    }
    for signed in &bases.main {
        shipment.base(signed, ours)?;
    }
    Ok(shipment.bytes)
}

impl Shipment<'_> {
    fn keyring(&mut self, signed: &Signed<KeyringManifest>, ours: &Surveyed) -> Result<(), ShipError> {
        self.needed(&signed.manifest)?;
        self.note(signed.manifest.name(), signed.sha256, ours)
        // Durable: a keyring that opens all points up to the next one.
    }

    fn base(&mut self, signed: &Signed<MainManifest>, ours: &Surveyed) -> Result<(), ShipError> {
        // The segments have brought them all; one that is not there is sent, and never named by a manifest before.
        self.each_document(&signed.manifest)?;
        self.needed(&signed.manifest)?;
        self.note(signed.manifest.name(), signed.sha256, ours)
        // Durable: the point, whole.
    }
}
