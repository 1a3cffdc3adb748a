//! How what is small and many is kept.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::compressed::Compressed;

/// A value as bytes, in one piece of memory.
///
/// A map of two labels is a node of a tree with room for eleven, and an allocation for each string: 750 bytes for labels of
/// 80. A ReplicaSet with its labels and annotations is about 2,700 bytes as it is, 320 packed, and 175 compressed. Passes are
/// few beside the objects that lie still, and to read one takes microseconds.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    bytes: Compressed,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Packed<T> {
    pub fn new(value: &T) -> Self {
        let bytes = postcard::to_allocvec(value).expect("lists, maps and strings have a length");
        Self { bytes: Compressed::new(&bytes), of: PhantomData }
    }

    pub fn open(&self) -> T {
        postcard::from_bytes(&self.bytes.open()).expect("these bytes are a value of this type")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use verdigris_core::observed::{EndpointSeen, ReplicaSetSeen, ServiceSeen};

    use super::*;
    use crate::items::ReplicaSetItem;

    fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map(".{0,20}", ".{0,40}", 0..5)
    }

    fn replica_set() -> impl Strategy<Value = ReplicaSetSeen> {
        let texts = (".{0,20}", "[0-9]{0,19}", labels(), labels());
        let options = (
            prop::option::of(".{0,36}"),
            prop::option::of(".{0,10}"),
            prop::option::of((".{0,9}", ".{0,9}")),
        );
        let numbers = (any::<i64>(), prop::array::uniform5(any::<i32>()), any::<bool>());
        let created = (Timestamp::MIN.as_second()..Timestamp::MAX.as_second(), 0..1_000_000_000);
        (texts, options, numbers, created).prop_map(
            |((name, version, labels, annotations), (owner, keeps_off, failure), numbers, (second, nano))| {
                let (generation, counts, deleting) = numbers;
                ReplicaSetSeen {
                    uid: name.clone(),
                    name,
                    resource_version: version,
                    generation,
                    created: Timestamp::new(second, nano).expect("within bounds"),
                    deleting,
                    controller_uid: owner,
                    labels,
                    annotations,
                    replicas_wanted: counts[0],
                    min_ready_seconds: counts[1],
                    keeps_off,
                    observed_generation: generation,
                    replicas: counts[2],
                    ready_replicas: counts[3],
                    available_replicas: counts[4],
                    failure,
                }
            },
        )
    }

    #[test]
    fn a_recorded_replica_set_takes_three_fifths_of_what_it_says() {
        let recorded = include_str!("../../tests/fixtures/peer/metadata/02-paused-r2.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        for item in recorded["replicasets"].as_array().unwrap() {
            let seen = serde_json::from_value::<ReplicaSetItem>(item.clone()).unwrap().seen();
            let (kept, plain) = (Packed::new(&seen).bytes.len(), postcard::to_allocvec(&seen).unwrap().len());
            assert!(kept * 5 < plain * 3, "{kept} of {plain}");
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_opened_as_it_was(seen in replica_set(), selector in labels(), ready: bool) {
            prop_assert_eq!(&Packed::new(&seen).open(), &seen);
            let service = ServiceSeen { selector, managed_by: seen.controller_uid.clone(), ..ServiceSeen::default() };
            prop_assert_eq!(&Packed::new(&service).open(), &service);
            let endpoints = vec![EndpointSeen { pod_uid: seen.controller_uid, pod_name: seen.keeps_off, ready }; 3];
            prop_assert_eq!(&Packed::new(&endpoints).open(), &endpoints);
        }
    }
}
