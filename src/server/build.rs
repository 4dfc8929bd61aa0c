//! The pages are embedded from `web/dist`. A build without them (a lint, a unit test) gets an empty
//! folder, and the server says so when a page is asked for.

fn main() {
    let dist = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    if let Err(e) = std::fs::create_dir_all(&dist) {
        println!("cargo::warning=web/dist can't be made: {e}");
    }
    println!("cargo::rerun-if-changed=../../web/dist");
}
