//! Where two texts part, for people.

/// The lines of both: ` ` in both, `-` only in the first, `+` only in the second.
pub fn lines(first: &[String], second: &[String]) -> String {
    // How many lines the rests from here on have in common at most.
    let mut common = vec![vec![0_usize; second.len() + 1]; first.len() + 1];
    for a in (0..first.len()).rev() {
        for b in (0..second.len()).rev() {
            common[a][b] = if first[a] == second[b] {
                common[a + 1][b + 1] + 1
            } else {
                common[a + 1][b].max(common[a][b + 1])
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut text = String::new();
    let mut say = |mark: char, line: &str| {
        text.push(mark);
        text.push_str(line);
        text.push('\n');
    };
    while a < first.len() || b < second.len() {
        if a < first.len() && b < second.len() && first[a] == second[b] {
            say(' ', &first[a]);
            (a, b) = (a + 1, b + 1);
        } else if b == second.len() || (a < first.len() && common[a + 1][b] >= common[a][b + 1]) {
            say('-', &first[a]);
            a += 1;
        } else {
            say('+', &second[b]);
            b += 1;
        }
    }
    near(&text)
}

/// Only lines that differ, with three around them.
fn near(text: &str) -> String {
    let all: Vec<&str> = text.lines().collect();
    let differs = |index: usize| !all[index].starts_with(' ');
    let mut shown = String::new();
    let mut skipped = false;
    for (index, line) in all.iter().enumerate() {
        if (index.saturating_sub(3)..(index + 4).min(all.len())).any(differs) {
            if skipped {
                shown.push_str(" ...\n");
            }
            skipped = false;
            shown.push_str(line);
            shown.push('\n');
        } else {
            skipped = true;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_what_is_around_it() {
        let first: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
        let second: Vec<String> = ["a", "b", "c", "d", "E", "f"].map(str::to_owned).into();
        assert_eq!(lines(&first, &second), " ...\n b\n c\n d\n-e\n+E\n f\n");
    }
}
