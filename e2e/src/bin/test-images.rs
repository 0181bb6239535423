//! Builds the images of the tests and prints where they are: `cargo run -p skiff-e2e --bin test-images`.

use anyhow::Result;
use skiff_e2e::{all_images, registry_storage};

fn main() -> Result<()> {
    for image in all_images()? {
        println!("{:<16} {}", image.name, image.tar.display());
    }
    println!(
        "{:<16} {}",
        "docker-registry",
        registry_storage()?.display()
    );
    Ok(())
}
