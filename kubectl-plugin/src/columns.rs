//! Columns that line up, two spaces apart, whether or not the cells are coloured.

/// A cell: what is printed, and how wide that is without colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    painted: String,
    width: usize,
}

impl Cell {
    /// A cell whose `painted` form shows as `plain`. Each character of ours is one column wide.
    pub fn painted(plain: &str, painted: String) -> Self {
        Self { width: plain.chars().count(), painted }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::painted(text, text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { width: text.chars().count(), painted: text }
    }
}

/// What to do with the last cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastCell {
    /// Leave it as it is.
    AsItIs,
    /// Fill it up to its column's least width.
    Filled,
}

/// Rows as lines. A column is as wide as its widest cell, and no narrower than `widths` says (the widths grow with what
/// is printed, so that rows printed later line up as well as they can).
pub fn lines(rows: &[Vec<Cell>], widths: &mut Vec<usize>, last: LastCell) -> Vec<String> {
    for row in rows {
        // The last cell needs no room to its right.
        let counted = row.len().saturating_sub(usize::from(last == LastCell::AsItIs));
        for (column, cell) in row.iter().take(counted).enumerate() {
            if column == widths.len() {
                widths.push(0);
            }
            widths[column] = widths[column].max(cell.width);
        }
    }
    rows.iter().map(|row| line(row, widths, last)).collect()
}

fn line(row: &[Cell], widths: &[usize], last: LastCell) -> String {
    let mut line = String::new();
    for (column, cell) in row.iter().enumerate() {
        line.push_str(&cell.painted);
        let is_last = column + 1 == row.len();
        if is_last && last == LastCell::AsItIs {
            break;
        }
        let width = widths.get(column).copied().unwrap_or(cell.width);
        let gap = if is_last { 0 } else { 2 };
        line.push_str(&" ".repeat(width.saturating_sub(cell.width) + gap));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_do_not_move_columns() {
        let rows = vec![
            vec![Cell::from("NAME"), Cell::from("STATUS"), Cell::from("INFO")],
            vec![
                Cell::from("⟳ shop"),
                Cell::painted("✔ Healthy", "\u{1b}[32m✔\u{1b}[0m Healthy".into()),
                Cell::default(),
            ],
        ];
        let lines = lines(&rows, &mut Vec::new(), LastCell::AsItIs);
        assert_eq!(lines, ["NAME    STATUS     INFO", "⟳ shop  \u{1b}[32m✔\u{1b}[0m Healthy  "]);
    }
}
