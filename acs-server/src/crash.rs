//! Named points at which a development process can be made to die, to prove that whatever was
//! acknowledged survives. Armed by `ACS_DEV_CRASH_AT=<name>[:n]`; inert otherwise.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The environment variable that arms a point.
pub const VARIABLE: &str = "ACS_DEV_CRASH_AT";

/// The points, in the order of a challenged payment.
pub const POINTS: [&str; 8] = [
    "before-commit",
    "after-commit",
    "before-reply",
    "after-reply",
    "before-rreq",
    "after-rreq-sent",
    "after-rres",
    "before-final-page",
];

#[derive(Debug)]
struct Plan {
    point: String,
    passings_left: AtomicU32,
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Arms the point named by `setting`; call once, in the development profile only.
///
/// # Errors
/// When the name is unknown or the number is none.
pub fn arm(setting: &str) -> Result<(), String> {
    let (point, passings) = setting.split_once(':').unwrap_or((setting, "1"));
    if !POINTS.contains(&point) {
        return Err(format!("{VARIABLE}: unknown point {point:?}, expected one of {POINTS:?}"));
    }
    let passings = passings
        .parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| format!("{VARIABLE}: {passings:?} is not a number from 1"))?;
    let plan = Plan { point: point.to_owned(), passings_left: AtomicU32::new(passings) };
    PLAN.set(plan).map_err(|_| format!("{VARIABLE}: already armed"))
}

/// Whether `point` is the armed one.
pub(crate) fn armed(point: &str) -> bool {
    PLAN.get().is_some_and(|plan| plan.point == point)
}

/// Dies here, without any clean-up, when `point` is armed and this is its passing.
pub(crate) fn pass(point: &str) {
    let Some(plan) = PLAN.get().filter(|plan| plan.point == point) else { return };
    if plan.passings_left.fetch_sub(1, Ordering::SeqCst) == 1 {
        std::process::abort();
    }
}
