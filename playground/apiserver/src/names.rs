//! What names, label keys and label values may look like, and the sentences that say so.

use crate::resource::NameRule;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// What is wrong with an object's name; nothing if it may be used.
pub fn name_faults(rule: NameRule, name: &str) -> Vec<String> {
    match rule {
        NameRule::DnsSubdomain => dns_subdomain_faults(name),
        NameRule::DnsLabel => dns_label_faults(name),
        NameRule::PathSegment => path_segment_faults(name),
    }
}

/// What is wrong with a `generateName`, which may end in a dash because a suffix follows.
pub fn name_prefix_faults(rule: NameRule, prefix: &str) -> Vec<String> {
    let masked = prefix.strip_suffix('-').filter(|rest| !rest.is_empty());
    match masked {
        Some(rest) if rule != NameRule::PathSegment => {
            let kept = rest.char_indices().last().map_or(0, |(at, _)| at);
            name_faults(rule, &format!("{}a", &rest[..kept]))
        }
        _ => name_faults(rule, prefix),
    }
}

/// What is wrong with a lower-case RFC 1123 subdomain.
pub fn dns_subdomain_faults(name: &str) -> Vec<String> {
    let mut faults = length_fault(name, 253);
    if !name.split('.').all(is_dns_label) {
        faults.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    faults
}

/// What is wrong with a subdomain whose labels may have, and begin with, underscores.
pub fn loose_subdomain_faults(name: &str) -> Vec<String> {
    const LOOSE: &str = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
    let mut faults = length_fault(name, 253);
    let is_loose = |label: &str| is_dns_label(&label.strip_prefix('_').unwrap_or(label).replace("_", "-"));
    if !name.split('.').all(is_loose) {
        faults.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{LOOSE}(\\.{LOOSE})*')"
        ));
    }
    faults
}

/// What is wrong with a lower-case RFC 1123 label.
pub fn dns_label_faults(name: &str) -> Vec<String> {
    let mut faults = length_fault(name, 63);
    if !is_dns_label(name) {
        faults.push(if name.split('.').all(is_dns_label) {
            "must not contain dots".to_owned()
        } else {
            format!(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
            )
        });
    }
    faults
}

/// What is wrong with an RFC 1035 label.
pub fn dns_1035_label_faults(name: &str) -> Vec<String> {
    let mut faults = length_fault(name, 63);
    if !(is_dns_label(name) && name.starts_with(|first: char| first.is_ascii_lowercase())) {
        faults.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')".to_owned(),
        );
    }
    faults
}

/// What is wrong with a subdomain whose first label may be `*`.
pub fn wildcard_subdomain_faults(name: &str) -> Vec<String> {
    let mut faults = length_fault(name, 253);
    if !name.strip_prefix("*.").is_some_and(|rest| rest.split('.').all(is_dns_label)) {
        faults.push(format!(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.{LABEL}(\\.{LABEL})*')"
        ));
    }
    faults
}

/// What is wrong with the name of a variable of an environment.
pub fn variable_name_faults(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    let printable = name.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'=');
    let fault =
        "a valid environment variable name must consist only of printable ASCII characters other than '='";
    (!printable).then(|| fault.to_owned()).into_iter().collect()
}

/// What is wrong with the name of a header of HTTP.
pub fn header_name_faults(name: &str) -> Vec<String> {
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fault = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    (!fits).then(|| fault.to_owned()).into_iter().collect()
}

/// What is wrong with a percentage.
pub fn percent_faults(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or_default();
    let fits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fault = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
    (!fits).then(|| fault.to_owned()).into_iter().collect()
}

/// What is wrong with a name that only has to fit into a path.
pub fn path_segment_faults(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|part| name.contains(**part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}

/// What is wrong with the key of a label or annotation, or with a finalizer.
pub fn qualified_name_faults(key: &str) -> Vec<String> {
    let must = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc'";
    let mut faults = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                faults.extend(
                    dns_subdomain_faults(prefix)
                        .into_iter()
                        // The same rule, but in labels the API counts in bytes.
                        .map(|fault| format!("prefix part {}", fault.replace(" characters", " bytes"))),
                );
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {must}, regex used for validation is '{KEY}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_label_text(name) {
        faults.push(format!("name part {must}, regex used for validation is '{KEY}')"));
    }
    faults
}

/// What is wrong with the value of a label.
pub fn label_value_faults(value: &str) -> Vec<String> {
    let mut faults = length_fault(value, 63)
        .into_iter()
        .map(|fault| fault.replace(" characters", " bytes"))
        .collect::<Vec<_>>();
    if !value.is_empty() && !is_label_text(value) {
        faults.push(format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '({KEY})?')"
        ));
    }
    faults
}

fn length_fault(text: &str, bytes_max: usize) -> Vec<String> {
    if text.len() > bytes_max {
        vec![format!("must be no more than {bytes_max} characters")]
    } else {
        Vec::new()
    }
}

fn is_dns_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(&first), Some(&last)) if inner(first) && inner(last))
        && bytes.iter().all(|&c| inner(c) || c == b'-')
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(
        (bytes.first(), bytes.last()),
        (Some(first), Some(last)) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric()
    ) && bytes.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        assert!(dns_subdomain_faults("web.example-1.com").is_empty());
        assert_eq!(dns_subdomain_faults("Web").len(), 1);
        assert_eq!(dns_subdomain_faults(&"a".repeat(254)).len(), 1);
        assert_eq!(dns_label_faults("a.b"), ["must not contain dots"]);
        assert_eq!(dns_1035_label_faults("1a").len(), 1);
        assert_eq!(path_segment_faults("a/b%c").len(), 2);
        assert!(name_prefix_faults(NameRule::DnsSubdomain, "web-").is_empty());
        assert_eq!(name_prefix_faults(NameRule::DnsSubdomain, "Web-").len(), 1);
    }

    #[test]
    fn label_keys_may_have_one_prefix() {
        assert!(qualified_name_faults("app.kubernetes.io/Name").is_empty());
        assert_eq!(qualified_name_faults("a/b/c").len(), 1);
        assert_eq!(qualified_name_faults("").len(), 2);
        assert!(label_value_faults("").is_empty());
        assert_eq!(label_value_faults("a b").len(), 1);
    }
}
