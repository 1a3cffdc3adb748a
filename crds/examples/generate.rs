//! Writes `crds/yaml/` from the types: `cargo run -p verdigris-crds --example generate`.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/yaml/rollouts.argoproj.io.yaml");
    std::fs::write(path, verdigris_crds::manifest::rollout_yaml())
}
