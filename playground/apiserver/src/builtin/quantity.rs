//! Quantities such as `500m` and `1.5Gi`: reading them, and the one canonical way to write each.

use std::fmt;

/// The largest quantity; anything beyond is capped, as the API does.
const CAP: i128 = i64::MAX as i128;

/// Fractions finer than a billionth are rounded up.
const SCALE_MIN: i32 = -9;

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// A suffix that looks like one, but is none (`kk`).
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// Digits that are no number (`1.2.3`).
    #[error("unable to parse numeric part of quantity")]
    Numeric,
}

/// The family of suffixes that a quantity was written with, and is written with again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suffixes {
    Binary,
    Decimal,
    Exponent,
}

/// A number of something: `mantissa` times ten to the `scale`.
///
/// Displays in canonical form: no fraction, the largest suffix that needs none.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    mantissa: i128,
    scale: i32,
    suffixes: Suffixes,
}

/// Reads a quantity.
///
/// # Errors
/// If the text is none; the error is what the API server answers.
pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(digits_end);
    if digits.is_empty() || !suffix_is_well_formed(suffix) {
        return Err(QuantityError::Format);
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return Err(QuantityError::Numeric);
    }
    let (suffixes, factor, exponent) = read_suffix(suffix).ok_or(QuantityError::Suffix)?;
    // More than 18 fractional digits cannot matter after rounding to billionths.
    let fraction = &fraction[..fraction.len().min(18)];
    let magnitude: i128 = match format!("0{whole}{fraction}").parse::<i128>() {
        Ok(magnitude) if magnitude <= i128::MAX >> 62 => magnitude,
        _ => return Ok(Quantity { mantissa: capped(CAP, text), scale: 0, suffixes }),
    };
    let fraction_length = i32::try_from(fraction.len()).unwrap_or(0);
    let mut quantity = Quantity { mantissa: magnitude * factor, scale: exponent - fraction_length, suffixes };
    quantity.round_up_and_cap();
    quantity.mantissa = capped(quantity.mantissa, text);
    Ok(quantity)
}

impl Quantity {
    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.mantissa < 0
    }

    /// The value, as near as a float comes.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a float is what was asked for")]
        let mantissa = self.mantissa as f64;
        mantissa * 10f64.powi(self.scale)
    }

    fn round_up_and_cap(&mut self) {
        while self.scale < SCALE_MIN {
            let rounded = self.mantissa / 10 + i128::from(self.mantissa % 10 != 0);
            (self.mantissa, self.scale) = (rounded, self.scale + 1);
        }
        while self.scale > 0 {
            let Some(larger) = self.mantissa.checked_mul(10).filter(|larger| *larger <= CAP) else {
                self.mantissa = if self.mantissa == 0 { 0 } else { CAP };
                self.scale = 0;
                return;
            };
            (self.mantissa, self.scale) = (larger, self.scale - 1);
        }
    }

    /// The whole number it is, if it is one.
    fn whole(&self) -> Option<i128> {
        let divisor = 10i128.checked_pow(self.scale.unsigned_abs())?;
        (self.mantissa % divisor == 0).then(|| self.mantissa / divisor)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mantissa == 0 {
            return formatter.write_str("0");
        }
        let big = self.as_f64().abs() >= 1024.0;
        if self.suffixes == Suffixes::Binary && big {
            // A fraction of a byte is rounded up: 1.5Ki is 1536, but 1000.3Ki is 1024308.
            let exact = self.whole().unwrap_or_else(|| {
                let divisor = 10i128.pow(self.scale.unsigned_abs());
                self.mantissa.div_euclid(divisor) + 1
            });
            return write_binary(formatter, exact);
        }
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        while mantissa % 10 == 0 {
            (mantissa, scale) = (mantissa / 10, scale + 1);
        }
        while scale.rem_euclid(3) != 0 {
            (mantissa, scale) = (mantissa * 10, scale - 1);
        }
        match (self.suffixes, scale) {
            (Suffixes::Exponent, 0) => write!(formatter, "{mantissa}"),
            (Suffixes::Exponent, scale) => write!(formatter, "{mantissa}e{scale}"),
            (_, scale) => write!(formatter, "{mantissa}{}", decimal_suffix(scale)),
        }
    }
}

fn write_binary(formatter: &mut fmt::Formatter<'_>, mut value: i128) -> fmt::Result {
    let mut suffix = "";
    for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if value % 1024 != 0 {
            break;
        }
        (value, suffix) = (value / 1024, larger);
    }
    write!(formatter, "{value}{suffix}")
}

fn decimal_suffix(scale: i32) -> &'static str {
    match scale {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => "",
    }
}

fn suffix_is_well_formed(suffix: &str) -> bool {
    let rest = suffix.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
    let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    rest.bytes().all(|byte| byte.is_ascii_digit())
}

/// The family, the factor and the power of ten that a suffix stands for.
fn read_suffix(suffix: &str) -> Option<(Suffixes, i128, i32)> {
    let decimal = |power| Some((Suffixes::Decimal, 1, power));
    let binary = |power: u32| Some((Suffixes::Binary, 1024i128.pow(power), 0));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let power = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
            Some((Suffixes::Exponent, 1, power.clamp(-1000, 1000)))
        }
    }
}

fn capped(magnitude: i128, text: &str) -> i128 {
    if text.starts_with('-') { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::{QuantityError, parse};

    #[test]
    fn canonical_form_is_what_the_api_writes() {
        for (text, canonical) in [
            ("1", "1"),
            ("0.5", "500m"),
            ("0", "0"),
            ("1.5Gi", "1536Mi"),
            ("1Gi", "1Gi"),
            ("1024Mi", "1Gi"),
            ("1000m", "1"),
            ("100", "100"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("128974848", "128974848"),
            ("129e6", "129e6"),
            ("129M", "129M"),
            ("128974848000m", "128974848"),
            ("123Mi", "123Mi"),
            ("0.1Ki", "102400m"),
            ("512Ki", "512Ki"),
            ("-1", "-1"),
            ("+1", "1"),
            (".5", "500m"),
            ("2.", "2"),
            ("1e3", "1e3"),
            ("0.0000000001", "1n"),
        ] {
            assert_eq!(parse(text).map(|quantity| quantity.to_string()), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_in_the_servers_words() {
        for (text, error) in [
            ("", QuantityError::Format),
            ("abc", QuantityError::Format),
            ("1 Gi", QuantityError::Format),
            ("1x", QuantityError::Format),
            ("1mm", QuantityError::Suffix),
            ("1.2.3", QuantityError::Numeric),
        ] {
            assert_eq!(parse(text).map(|quantity| quantity.to_string()), Err(error), "{text:?}");
        }
    }
}
