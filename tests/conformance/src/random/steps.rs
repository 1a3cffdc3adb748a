//! What sequences are drawn from: small choices that shrink well, independent of the kinds they are made about.

use proptest::{collection::vec, prelude::*};

use super::{kinds::KINDS, render::rendered, request::Asked};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// POST.
    Create,
    /// GET of one object.
    Get,
    /// PUT of an object written anew.
    Replace,
    /// PUT of the object as it was last seen, changed.
    Change,
    /// PATCH as a merge patch.
    Merge,
    /// PATCH as a strategic merge patch.
    Strategic,
    /// PATCH as a JSON patch.
    Json,
    /// PATCH as server-side apply of only what is changed.
    ApplyPart,
    /// PATCH as server-side apply of a whole object.
    ApplyWhole,
    /// DELETE of one object.
    Delete,
    /// DELETE of all in the namespace.
    DeleteAll,
    /// GET of all in the namespace.
    List,
    /// Something that is no object where one belongs.
    Nonsense,
}

/// Which part of the object a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// `/status`.
    Status,
    /// `/scale`.
    Scale,
}

/// What a write says about versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Nothing.
    None,
    /// The newest that was seen.
    Newest,
    /// The one before.
    Old,
    /// One that never was.
    Wrong,
}

/// One step; numbers choose from whatever there is to choose from.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done.
    pub deed: Deed,
    /// To which part.
    pub part: Part,
    /// Which of the sequence's kinds.
    pub kind: usize,
    /// Which name.
    pub name: usize,
    /// Which changes: place and value.
    pub tweaks: Vec<(u16, u16)>,
    /// Which options.
    pub options: Vec<u16>,
    /// What it says about versions.
    pub version: Version,
    /// Which manager, and whatever else is to be chosen.
    pub choice: u16,
}

/// How many kinds a sequence is about, at most.
const KINDS_PER_SEQUENCE: usize = 2;
const STEPS_MAX: usize = 12;

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        10 => Just(Deed::Create),
        3 => Just(Deed::Get),
        8 => Just(Deed::Replace),
        8 => Just(Deed::Change),
        10 => Just(Deed::Merge),
        8 => Just(Deed::Strategic),
        8 => Just(Deed::Json),
        12 => Just(Deed::ApplyPart),
        10 => Just(Deed::ApplyWhole),
        7 => Just(Deed::Delete),
        2 => Just(Deed::DeleteAll),
        6 => Just(Deed::List),
        1 => Just(Deed::Nonsense),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let part = prop_oneof![12 => Just(Part::Whole), 3 => Just(Part::Status), 1 => Just(Part::Scale)];
    let version = prop_oneof![
        8 => Just(Version::None),
        2 => Just(Version::Newest),
        1 => Just(Version::Old),
        1 => Just(Version::Wrong)
    ];
    let options = prop_oneof![2 => Just(Vec::new()).boxed(), 1 => vec(any::<u16>(), 1..3).boxed()];
    (
        deed(),
        part,
        0..KINDS_PER_SEQUENCE,
        prop_oneof![4 => Just(0usize), 1 => Just(1usize)],
        vec((any::<u16>(), any::<u16>()), 0..4),
        options,
        version,
        any::<u16>(),
    )
        .prop_map(|(deed, part, kind, name, tweaks, options, version, choice)| Step {
            deed,
            part,
            kind,
            name,
            tweaks,
            options,
            version,
            choice,
        })
}

/// A plain creation, which most sequences begin with, so that what follows finds something.
fn beginning() -> Step {
    Step {
        deed: Deed::Create,
        part: Part::Whole,
        kind: 0,
        name: 0,
        tweaks: Vec::new(),
        options: Vec::new(),
        version: Version::None,
        choice: 0,
    }
}

/// A sequence of requests.
pub fn sequences() -> impl Strategy<Value = Vec<Asked>> {
    let kinds = vec(0..KINDS.kinds.len(), KINDS_PER_SEQUENCE);
    (kinds, proptest::bool::weighted(0.85), vec(step(), 1..STEPS_MAX)).prop_map(
        |(kinds, begins, mut steps)| {
            if begins {
                steps.insert(0, beginning());
            }
            let mut asked: Vec<Asked> =
                steps.iter().map(|step| rendered(&KINDS.kinds[kinds[step.kind]], step)).collect();
            without_unequal_pages(&mut asked);
            asked
        },
    )
}

/// Where the servers make names up, pages of lists cannot be compared.
fn without_unequal_pages(asked: &mut [Asked]) {
    let makes_up = |one: &Asked| format!("{:?}", one.body).contains("generateName");
    if asked.iter().filter(|one| makes_up(one)).count() > 0 {
        for one in asked.iter_mut() {
            one.query.retain(|(key, _)| key != "limit" && key != "continue");
        }
    }
}
