//! Medians, quartiles and Welch's t.

/// What is told of one cause.
pub(crate) struct Figures {
    pub(crate) median: f64,
    /// The first and the third.
    pub(crate) quartiles: (f64, f64),
    mean: f64,
    /// Of the mean: variance over number.
    variance: f64,
}

impl Figures {
    /// Mean and variance are of samples up to `limit`.
    pub(crate) fn of(samples: &[f64], limit: f64) -> Self {
        let all = sorted(samples);
        let kept = &all[..all.partition_point(|time| *time <= limit)];
        let number = f64::from(u32::try_from(kept.len()).unwrap_or(u32::MAX));
        let mean = kept.iter().sum::<f64>() / number;
        let squares: f64 = kept.iter().map(|time| (time - mean).powi(2)).sum();
        Self {
            median: quantile(&all, 0.5),
            quartiles: (quantile(&all, 0.25), quantile(&all, 0.75)),
            mean,
            variance: squares / (number - 1.0) / number,
        }
    }

    /// Welch's t against `other`.
    pub(crate) fn welch(&self, other: &Self) -> f64 {
        (self.mean - other.mean) / (self.variance + other.variance).sqrt()
    }
}

pub(crate) fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Of sorted samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list of far fewer than 2^52"
)]
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
