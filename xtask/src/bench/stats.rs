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

/// Between which values the median of all that could have been measured lies, at 95 %: ranks of a binomial
/// distribution about the middle, which supposes nothing of how values are spread. None without values.
pub fn median_interval(values: &[f64]) -> Option<(f64, f64)> {
    /// 2.5 % of a normal distribution lie 1.96 deviations off to each side; the square of that, times 10,000.
    const SPREAD: usize = 38_416;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let rank = (100 * count).saturating_sub((SPREAD * count).isqrt()) / 200;
    let from_end = rank.saturating_sub(1);
    Some((*sorted.get(from_end)?, *sorted.get(count - 1 - from_end)?))
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
    fn the_more_values_the_narrower_is_where_their_median_lies() {
        let values = |count: u32| (1..=count).map(f64::from).collect::<Vec<_>>();
        assert_eq!(median_interval(&[]), None);
        assert_eq!(median_interval(&[2.0]), Some((2.0, 2.0)));
        assert_eq!(median_interval(&values(5)), Some((1.0, 5.0)));
        // Ranks 40 and 61 of 100, as tables of the sign test have them.
        assert_eq!(median_interval(&values(100)), Some((40.0, 61.0)));
    }

    #[test]
    fn a_slow_round_is_slow_for_both_and_its_ratio_stays() {
        assert_eq!(ratios(&[2.0, 20.0], &[1.0, 10.0]), [2.0, 2.0]);
    }
}
