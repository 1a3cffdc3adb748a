//! a10: what `scaleDownDelaySeconds` does, whatever else happens meanwhile.

use serde_json::{Value, json};

use super::{promoted, shop};
use crate::seen::after;
use crate::simulate::Cluster;

/// Something that happens, in words and in deed.
type Happening = (&'static str, fn(&mut Cluster));

/// What happens a second after version 2 took the traffic from version 1.
const MEANWHILE: [Happening; 7] = [
    ("nothing", |_| {}),
    ("an update", |cluster| cluster.set_image("example/app:3")),
    ("an update that is aborted", |cluster| {
        cluster.set_image("example/app:3");
        cluster.wait(1);
        cluster.steer(|status| status.abort = Some(true));
    }),
    ("an update that is aborted and tried again", |cluster| {
        cluster.set_image("example/app:3");
        cluster.wait(1);
        cluster.steer(|status| status.abort = Some(true));
        cluster.wait(1);
        cluster.steer(|status| status.abort = Some(false));
    }),
    ("a replica change", |cluster| cluster.apply(&json!({"replicas": 3}))),
    ("a pause by hand that ends", |cluster| {
        cluster.apply(&json!({"paused": true}));
        cluster.wait(1);
        cluster.apply(&json!({"paused": false}));
    }),
    ("a status that is lost", |cluster| cluster.rollout.status = None),
];

fn delays() -> [(Value, i64); 4] {
    [(json!(0), 0), (json!(null), 30), (json!(5), 5), (json!(40), 40)]
}

#[test]
fn a10_the_old_version_goes_at_its_time_whatever_happens_meanwhile() {
    for (delay, seconds) in delays() {
        for (name, meanwhile) in MEANWHILE {
            let mut cluster = promoted(&json!({"scaleDownDelaySeconds": delay}));
            let goes = after(cluster.now, seconds - 1);
            meanwhile(&mut cluster);
            cluster.wait(0);
            let case = format!("delay {delay}, {name}");
            if goes > cluster.now {
                cluster.now = after(goes, -1);
                cluster.wait(0);
                assert_eq!(cluster.set(1).replicas_wanted, 2, "{case}: not before");
                cluster.wait(1);
            }
            assert_eq!(cluster.set(1).replicas_wanted, 0, "{case}: at its time");
            assert_ne!(cluster.active(), cluster.hash(1), "{case}");
        }
    }
}

#[test]
fn a10_going_back_ends_the_delay_of_one_and_begins_that_of_the_other() {
    for (delay, seconds) in delays().into_iter().filter(|(_, seconds)| *seconds > 1) {
        let mut cluster = promoted(&json!({"scaleDownDelaySeconds": delay}));
        cluster.set_image("example/app:1");
        cluster.wait(seconds - 1);
        assert_eq!(cluster.sizes(), [(2, 2), (3, 2)].into(), "{delay}");
        assert_eq!(cluster.set(3).scale_down_deadline(), None, "{delay}: no order to end it is left");
        cluster.wait(1);
        assert_eq!(cluster.sizes(), [(2, 0), (3, 2)].into(), "{delay}");
        cluster.wait(1000);
        assert_eq!(cluster.sizes(), [(2, 0), (3, 2)].into(), "{delay}");
    }
}

#[test]
fn a10_so_many_old_versions_wait_as_the_limit_says() {
    for limit in 0..4 {
        let mut cluster = shop(&json!({
            "autoPromotionEnabled": true, "scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": limit,
        }));
        cluster.wait(5);
        for number in 2..=5 {
            cluster.set_image(&format!("example/app:{number}"));
            cluster.wait(5);
        }
        let warm = cluster.sizes().into_iter().filter(|(_, size)| *size > 0).map(|(revision, _)| revision);
        let first = 5 - limit;
        assert_eq!(warm.collect::<Vec<_>>(), (first..=5).collect::<Vec<u64>>(), "limit {limit}");
    }
}

#[test]
fn replicas_0_before_during_and_after_an_update_with_a_gate() {
    // When the pods go, and what version 2 has when they come again.
    let to_zero: [Happening; 4] = [
        ("before", |cluster| {
            cluster.apply(&json!({"replicas": 0}));
            cluster.wait(5);
            cluster.set_image("example/app:2");
            cluster.wait(5);
        }),
        ("during, while pods start", |cluster| {
            cluster.set_image("example/app:2");
            cluster.wait(1);
            cluster.apply(&json!({"replicas": 0}));
            cluster.wait(5);
        }),
        ("during, while it waits", |cluster| {
            cluster.set_image("example/app:2");
            cluster.wait(5);
            cluster.apply(&json!({"replicas": 0}));
            cluster.wait(5);
        }),
        ("during, with a Service made again", |cluster| {
            cluster.set_image("example/app:2");
            cluster.wait(5);
            cluster.apply(&json!({"replicas": 0}));
            cluster.wait(5);
            cluster.add_service("app-active");
            cluster.wait(0);
        }),
    ];
    for strategy in [json!({}), json!({"previewReplicaCount": 1})] {
        for (name, change) in to_zero {
            let mut cluster = super::deployed(&strategy);
            change(&mut cluster);
            assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"), "{name}");
            assert_eq!(cluster.active(), cluster.hash(1), "{name}");
            assert_eq!(cluster.sizes(), [(1, 0), (2, 0)].into(), "{name}");
            let mut again = cluster.clone();
            again.apply(&json!({"replicas": 2}));
            again.wait(5);
            assert_eq!(again.active(), again.hash(1), "{name}: no pods were no approval");
            assert_eq!(again.phase(), ("Paused", "BlueGreenPause"), "{name}");

            cluster.promote();
            cluster.wait(5);
            assert_eq!(cluster.active(), cluster.hash(2), "{name}");
            assert_eq!(cluster.phase(), ("Healthy", ""), "{name}");
            cluster.apply(&json!({"replicas": 2}));
            cluster.wait(30);
            assert_eq!(cluster.sizes(), [(1, 0), (2, 2)].into(), "{name}: and after");
            assert_eq!(cluster.phase(), ("Healthy", ""), "{name}");
        }
    }
}
