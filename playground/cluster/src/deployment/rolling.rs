//! The arithmetic of updates: how many pods of the new and the old templates there may be.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A ReplicaSet's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// What it asks for.
    pub(super) wanted: i32,
    /// How many of its pods are available.
    pub(super) available: i32,
}

/// How many pods more than desired there may be, and how many fewer may be available.
///
/// Percentages of 10: a surge of 25% is 3 (rounded up), 25% unavailable is 2 (rounded down). If both come to nothing
/// the update could not move, so one pod may be unavailable.
pub(super) fn fenceposts(
    surge: Option<&IntOrString>,
    unavailable: Option<&IntOrString>,
    desired: i32,
) -> (i32, i32) {
    let quarter = IntOrString::String("25%".to_owned());
    let surge = resolve(surge.unwrap_or(&quarter), desired, true);
    let unavailable = resolve(unavailable.unwrap_or(&quarter), desired, false);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable.min(desired)) }
}

fn resolve(value: &IntOrString, of: i32, up: bool) -> i32 {
    match value {
        IntOrString::Int(number) => (*number).max(0),
        IntOrString::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0).max(0);
            let hundredths = percent * i64::from(of);
            let whole = if up { (hundredths + 99) / 100 } else { hundredths / 100 };
            i32::try_from(whole).unwrap_or(i32::MAX)
        }
    }
}

/// How many pods the new template should have next: as many as the surge leaves room for.
///
/// 10 desired, surge 3, 10 old pods: the new one gets 3; with 8 old ones left it may grow to 5.
pub(super) fn new_size(desired: i32, surge: i32, new: i32, old: i32) -> i32 {
    if new >= desired {
        return desired;
    }
    let room = desired + surge - new - old;
    if room <= 0 { new } else { new + room.min(desired - new) }
}

/// What each old ReplicaSet should ask for next, the oldest first: pods that are not available go first, then
/// available ones as far as enough stay.
///
/// 10 desired, 2 may be unavailable, so 8 must stay. 10 old pods, all available, and a new one of 3, none available:
/// 13 − 8 − 3 = 2 old pods may go.
pub(super) fn old_sizes(desired: i32, unavailable: i32, new: Size, old: &[Size]) -> Vec<i32> {
    let least = desired - unavailable;
    let mut sizes: Vec<Size> = old.to_vec();
    let total: i32 = sizes.iter().map(|size| size.wanted).sum::<i32>() + new.wanted;
    let mut may_go = (total - least - (new.wanted - new.available).max(0)).max(0);
    for size in &mut sizes {
        let unhealthy = (size.wanted - size.available).max(0).min(may_go);
        size.wanted -= unhealthy;
        may_go -= unhealthy;
    }
    let available: i32 = sizes.iter().map(|size| size.available).sum::<i32>() + new.available;
    let mut spare = (available - least).min(may_go).max(0);
    for size in &mut sizes {
        let gone = size.wanted.min(spare);
        size.wanted -= gone;
        spare -= gone;
    }
    sizes.iter().map(|size| size.wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(wanted: i32, available: i32) -> Size {
        Size { wanted, available }
    }

    #[test]
    fn percentages_round_up_for_surge_and_down_for_unavailable() {
        let text = |text: &str| Some(IntOrString::String(text.to_owned()));
        let number = |number| Some(IntOrString::Int(number));
        let cases = [
            (None, None, 10, (3, 2)),
            (None, None, 4, (1, 1)),
            (None, None, 1, (1, 0)),
            (number(0), number(0), 5, (0, 1)),
            (text("0%"), text("10%"), 5, (0, 1)),
            (number(2), number(9), 5, (2, 5)),
        ];
        for (surge, unavailable, desired, expected) in cases {
            assert_eq!(fenceposts(surge.as_ref(), unavailable.as_ref(), desired), expected);
        }
    }

    #[test]
    fn the_new_template_grows_as_far_as_the_surge_leaves_room() {
        assert_eq!(new_size(10, 3, 0, 10), 3);
        assert_eq!(new_size(10, 3, 3, 8), 5);
        assert_eq!(new_size(10, 3, 3, 10), 3);
        assert_eq!(new_size(10, 3, 9, 0), 10);
        assert_eq!(new_size(2, 1, 5, 0), 2);
    }

    #[test]
    fn old_templates_shrink_as_far_as_enough_stay_available() {
        assert_eq!(old_sizes(10, 2, size(3, 0), &[size(10, 10)]), [8]);
        assert_eq!(old_sizes(10, 2, size(5, 3), &[size(8, 8)]), [5]);
        assert_eq!(old_sizes(4, 0, size(1, 0), &[size(4, 4)]), [4]);
        assert_eq!(old_sizes(4, 0, size(1, 1), &[size(4, 4)]), [3]);
        // The broken template of an update in between goes first.
        assert_eq!(old_sizes(10, 2, size(0, 0), &[size(8, 8), size(3, 0)]), [8, 0]);
        assert_eq!(old_sizes(10, 0, size(10, 10), &[size(3, 3)]), [0]);
    }
}
