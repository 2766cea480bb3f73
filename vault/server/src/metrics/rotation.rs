//! How a rotation of the data goes.

use super::Exposition;
use crate::rotating::{Standing, State};

impl Exposition {
    pub(super) fn expose_rotation(&mut self, epoch: u32, standing: &Standing) {
        self.gauge("coffre_data_epoch", "The epoch that new values are encrypted under.", epoch.into());
        let under_way = u64::from(standing.state == State::UnderWay);
        self.gauge("coffre_data_rotation_under_way", "1 while former data are encrypted anew.", under_way);
        if standing.state == State::Idle {
            return;
        }
        let waits = u64::from(standing.waits.is_some());
        self.gauge("coffre_data_rotation_waits", "1 while that waits for something.", waits);
        self.gauge("coffre_data_rotation_percent", "How much of the vault it has looked at.", standing.percent.into());
        self.head("coffre_reencrypted_total", "counter", "What was encrypted anew.");
        for (kind, count) in
            [("record", standing.records), ("document", standing.documents), ("reason", standing.reasons)]
        {
            self.sample("coffre_reencrypted_total", &format!("kind=\"{kind}\""), &count);
        }
    }
}
