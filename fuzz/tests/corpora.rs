//! Every target takes its corpus.

use std::fs;
use std::path::Path;

use skiff_fuzz::{TARGETS, feed};

#[test]
fn every_target_takes_its_corpus() {
    for (target, _) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target);
        let files = fs::read_dir(&folder).expect("a folder of the target's name");
        let mut fed = 0;
        for file in files {
            let path = file.expect("a file").path();
            println!("{}", path.display());
            feed(target, &fs::read(path).expect("its bytes"));
            fed += 1;
        }
        assert!(fed > 0, "{target} has no corpus");
    }
}
