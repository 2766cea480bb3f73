//! Copies the newest segments to a destination that holds everything before them: as many at once as there are, in the
//! order of the chains, so that the journeys to the destination are waited for side by side.

use std::collections::BTreeSet;

use coffre_core::spool::{ContentHash, Needed, ObjectName, Pinned};

use super::copy::Shipment;
use super::{Compare, ShipError};
use crate::destination::{Destination, PutError, Source};
use crate::observer::Observer;
use crate::segments::Seen;

/// Bytes that are sent at once, at most; a segment of more goes by itself.
const BATCH: u64 = 16 << 20;

/// A shipment of segments, one after the other.
pub(crate) struct Stream<'a> {
    shipment: Shipment<'a>,
    /// Segments to be sent together, in their order.
    batch: Vec<(ObjectName, Seen)>,
    batched: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(
        spool: &'a dyn Source,
        destination: &'a dyn Destination,
        pinned: &'a Pinned,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let shipment = Shipment::new(spool, destination, pinned, Compare::Sizes, observer);
        Self { shipment, batch: Vec::new(), batched: 0 }
    }

    /// Takes one, which continues the object with this hash. It is there once `finish` returns; the documents that it
    /// brings are there before.
    pub(crate) fn segment(&mut self, name: &ObjectName, follows: ContentHash) -> Result<&Seen, ShipError> {
        let seen = self.shipment.led_up_to(name, Some(follows))?;
        if self.batched + seen.size > BATCH {
            self.send()?;
        }
        self.batched += seen.size;
        self.batch.push((*name, seen));
        self.batch.last().map(|(_, seen)| seen).ok_or(ShipError::Empty)
    }

    /// Sends what was taken; gives the bytes that were copied.
    pub(crate) fn finish(mut self) -> Result<u64, ShipError> {
        self.send()?;
        Ok(self.shipment.bytes)
    }

    fn send(&mut self) -> Result<(), ShipError> {
        self.batched = 0;
        let batch = std::mem::take(&mut self.batch);
        if let [(name, seen)] = batch.as_slice()
            && seen.size > BATCH
        {
            return self.shipment.place(name, seen);
        }
        let mut objects = self.whole(&batch)?;
        let mut rest = batch.as_slice();
        while let Err(error) = self.shipment.destination.put_in_order(&objects) {
            let taken = match &error {
                PutError::Exists { path, .. } => objects.iter().position(|(object, _)| object == path),
                _ => None,
            };
            let Some((at, (name, seen))) = taken.and_then(|at| Some((at, rest.get(at)?))) else {
                return Err(ShipError::Put(error));
            };
            // From a shipment that was cut off. What is in front of it was put before it was refused.
            if !self.shipment.is_there(name, seen)? {
                return Err(ShipError::Put(error));
            }
            self.shipment.present += 1;
            self.count(objects.drain(..=at).take(at));
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        // Durable: all of them.
        self.count(objects.into_iter());
        Ok(())
    }

    /// The paths and bytes of segments, which are durable in the spool from here on.
    fn whole(&mut self, batch: &[(ObjectName, Seen)]) -> Result<Vec<(String, Vec<u8>)>, ShipError> {
        let mut settled = BTreeSet::new();
        let mut objects = Vec::with_capacity(batch.len());
        for (name, seen) in batch {
            let object = name.path(&self.shipment.pinned.scope);
            let folder = object.rsplit_once('/').map(|(folder, _)| folder.to_owned());
            // All of them were there before the first was taken.
            if settled.insert(folder) {
                self.shipment.settle(name, &object)?;
            }
            objects.push(self.shipment.whole(&Needed { name: *name, size: seen.size, sha256: seen.link.sha256 })?);
        }
        Ok(objects)
    }

    fn count(&mut self, written: impl Iterator<Item = (String, Vec<u8>)>) {
        for (_, content) in written {
            self.shipment.objects += 1;
            self.shipment.bytes += content.len() as u64;
        }
    }
}
