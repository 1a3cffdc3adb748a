//! Where the Lease is, and who we are in it.

use std::fmt;

/// The peer's name of it.
const NAME: &str = "argo-rollouts-controller-lock";
/// The peer's namespace, where nothing says another.
const NAMESPACE: &str = "argo-rollouts";
/// What is in place of that in the name of the Lease of those that take no part in an election.
const UNELECTED: &str = "verdigris-controller-unelected";
/// Longest name of an object.
const NAME_LENGTH_MAX: usize = 253;

/// Which Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The instance id makes no name for a Lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no Lease can have the name {name}, which follows from --instance-id: use lower case letters, digits, '-' and '.' in the \
     id, or, for a single replica that nobody looks after, --leader-elect=false"
)]
pub struct BadName {
    name: String,
}

impl Place {
    /// The Lease of the controllers with this instance id, or of those without one. The namespace is the first that is said: by
    /// the environment (`POD_NAMESPACE`), then by the files of the service account.
    pub fn of(
        instance_id: Option<&str>,
        environment: Option<String>,
        account: Option<String>,
    ) -> Result<Self, BadName> {
        let name = instance_id.map_or_else(|| NAME.to_owned(), |id| format!("{NAME}-{id}"));
        let is_label = |part: &str| {
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            part.starts_with(is_plain)
                && part.ends_with(is_plain)
                && part.chars().all(|letter| is_plain(letter) || letter == '-')
        };
        if name.len() > NAME_LENGTH_MAX || !name.split('.').all(is_label) {
            return Err(BadName { name });
        }
        let said = [environment, account].into_iter().flatten().map(|text| text.trim().to_owned());
        let namespace =
            said.into_iter().find(|text| !text.is_empty()).unwrap_or_else(|| NAMESPACE.to_owned());
        Ok(Self { namespace, name })
    }

    /// The Lease by which those notice each other that take no part in the election of this one. Whoever works on one namespace
    /// meets others there.
    #[must_use]
    pub fn of_the_unelected(&self, scope: Option<String>) -> Self {
        let name = format!("{UNELECTED}{}", self.name.strip_prefix(NAME).unwrap_or_default());
        Self { namespace: scope.unwrap_or_else(|| self.namespace.clone()), name }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Who a replica is: the machine's name (in a pod the pod's), and what nobody else has drawn.
#[must_use]
pub fn identity(host: Option<String>, drawn: [u8; 16]) -> String {
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(|| "verdigris-controller".to_owned());
    let hex = drawn.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("{host}_{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: Option<&str>, environment: Option<&str>, account: Option<&str>) -> Result<String, String> {
        let place = Place::of(id, environment.map(str::to_owned), account.map(str::to_owned));
        place.map(|it| it.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn name_and_namespace_are_the_peers() {
        let ours = |namespace: &str, name: &str| Ok(format!("{namespace}/{name}"));
        assert_eq!(place(None, None, None), ours("argo-rollouts", "argo-rollouts-controller-lock"));
        assert_eq!(
            place(Some("blue"), Some("ops"), Some("x")),
            ours("ops", "argo-rollouts-controller-lock-blue")
        );
        assert_eq!(place(None, Some(""), Some("shop\n")), ours("shop", "argo-rollouts-controller-lock"));
    }

    #[test]
    fn those_that_do_not_elect_meet_where_they_work() {
        let elected = Place::of(Some("blue"), Some("ops".into()), None).unwrap();
        let all = elected.of_the_unelected(None).to_string();
        assert_eq!(all, "ops/verdigris-controller-unelected-blue");
        let one = Place::of(None, None, None).unwrap().of_the_unelected(Some("shop".into()));
        assert_eq!(one.to_string(), "shop/verdigris-controller-unelected");
    }

    #[test]
    fn an_id_that_makes_no_name_is_said() {
        for id in ["Blue", "a_b", "a..b", "a.-b"] {
            assert!(place(Some(id), None, None).unwrap_err().contains("--instance-id"), "{id}");
        }
    }

    #[test]
    fn no_two_have_one_identity() {
        assert_eq!(
            identity(Some("pod-a\n".into()), [0xab; 16]),
            "pod-a_abababab-abab-abab-abab-abababababab"
        );
        assert!(identity(None, [1; 16]).starts_with("verdigris-controller_01010101-"));
    }
}
