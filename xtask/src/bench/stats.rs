//! Summaries of measured values. Owns no measuring and no clock.

/// Smallest, middle and largest of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

/// None without values.
pub fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let upper = sorted.len() / 2;
    let lower = (sorted.len() - 1) / 2;
    Some(Summary {
        min,
        median: f64::midpoint(sorted[lower], sorted[upper]),
        max,
    })
}

/// Each value divided by the one of the same round: what disturbs a whole round cancels out.
pub fn ratios(values: &[f64], base: &[f64]) -> Vec<f64> {
    values
        .iter()
        .zip(base)
        .map(|(value, base)| value / base)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(
            summary(&[4.0, 1.0, 3.0, 2.0]),
            Some(Summary {
                min: 1.0,
                median: 2.5,
                max: 4.0
            })
        );
        assert_eq!(
            summary(&[3.0, 1.0, 2.0]),
            Some(Summary {
                min: 1.0,
                median: 2.0,
                max: 3.0
            })
        );
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn a_slow_round_is_slow_for_both_and_its_ratio_stays() {
        assert_eq!(ratios(&[2.0, 20.0], &[1.0, 10.0]), [2.0, 2.0]);
    }
}
