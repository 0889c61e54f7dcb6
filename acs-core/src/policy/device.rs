//! Conditions about the device of an app: what its SDK says, which proves nothing.

use super::{Condition, one_of};
use crate::message::{AReq, Platform};

impl Condition {
    pub(super) fn device_holds(&self, areq: &AReq) -> bool {
        let app = areq.app.as_ref();
        let device = app.and_then(|app| app.device.as_ref());
        let platform = device.and_then(|device| device.platform).map(Platform::as_str);
        self.device_data.is_none_or(|wanted| app.is_some() && device.is_some() == wanted)
            && one_of(&self.device_platform, platform)
            && one_of(
                &self.device_warning,
                device.into_iter().flat_map(|device| device.warnings.codes()),
            )
    }
}
