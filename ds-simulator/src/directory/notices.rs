//! Sends operational notices to the ACS.

use anyhow::{Context as _, Result};

use super::DirectoryServer;
use crate::notice::{Notice, NoticeReport, Recipient, Sender};

impl DirectoryServer {
    /// Sends a notice to the ACS, part by part.
    ///
    /// # Errors
    /// When it is not known where the ACS takes OReqs.
    pub async fn send_notice(&self, notice: &Notice) -> Result<NoticeReport> {
        let (link, url) = match notice.to {
            Recipient::Acs => (&self.to_acs, oreq_url(&self.acs_areq)),
            Recipient::ThreeDsServer => {
                (&self.to_three_ds_server, Some(self.three_ds_server_oreq.clone()))
            }
        };
        let url = url.with_context(|| format!("no OReq endpoint beside {}", self.acs_areq))?;
        let sender = Sender {
            link,
            url: &url,
            ds_reference_number: &self.reference_number(),
            trace: &self.trace,
        };
        Ok(sender.send(notice).await)
    }
}

/// OReqs go beside the AReqs.
fn oreq_url(areq: &str) -> Option<String> {
    areq.strip_suffix("/areq").map(|base| format!("{base}/oreq"))
}
