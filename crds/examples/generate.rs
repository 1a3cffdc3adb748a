//! Writes `crds/yaml/` from the types: `cargo run -p verdigris-crds --example generate`.

fn main() -> std::io::Result<()> {
    for (name, text) in verdigris_crds::manifest::manifests() {
        std::fs::write(format!("{}/yaml/{name}", env!("CARGO_MANIFEST_DIR")), text)?;
    }
    Ok(())
}
