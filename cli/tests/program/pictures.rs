//! Pictures: complete, labelled, and not blank.

use crate::{folder, line, quick, refusal, snapshot_of, trained, write};
use std::collections::HashSet;
use std::path::Path;

fn svg(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
    text
}

/// Width, height and the colours of a PNG.
fn png(path: &Path) -> (u32, u32, HashSet<[u8; 3]>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let colours = pixels.chunks(3).map(|pixel| pixel.try_into().unwrap()).collect();
    (info.width, info.height, colours)
}

#[test]
fn a_state_has_two_panels() {
    let folder = folder("state_picture");
    let path = write(&folder, "state.snapshot", snapshot_of(&trained(&quick(), 60)));
    let (vector, raster) = (folder.join("out.svg"), folder.join("out.PNG"));
    assert_eq!(line(&format!("plot {path} -o {}", vector.display())).code, 0);
    assert_eq!(line(&format!("plot {path} -o {}", raster.display())).code, 0);
    let text = svg(&vector);
    for label in [
        "noise level sigma (data units)",
        "sampling density (per unit ln sigma)",
        "rate (nats per dimension per unit ln sigma)",
        "gate, from 0 to 1",
        "baseline (warm-up)",
        "pivot 0.",
        "0.002",
        "adapting at step 60",
    ] {
        assert!(text.contains(label), "{label}");
    }
    assert!(!text.contains("optimizer steps"));
    let (width, height, colours) = png(&raster);
    assert_eq!((width, height), (2200, 1620));
    assert!(colours.contains(&[0, 158, 115]) && colours.contains(&[0, 0, 0]) && colours.len() > 20);
    // There is no rate before the first refresh.
    let fresh = write(&folder, "fresh.snapshot", snapshot_of(&trained(&quick(), 3)));
    assert_eq!(line(&format!("plot {fresh} -o {}", vector.display())).code, 0);
    assert!(svg(&vector).contains("no refresh yet"));
}

#[test]
fn a_journal_has_a_heat_map_too() {
    let folder = folder("journal_picture");
    let journal = folder.join("run.journal");
    let flags = "--steps 600 --set warmup_steps=100,refresh_every=50,refresh_growth=0,min_count=5";
    line(&format!("simulate --profile gaussian {flags} --journal {}", journal.display()));
    let (vector, raster) = (folder.join("out.svg"), folder.join("out.png"));
    assert_eq!(line(&format!("plot {} -o {}", journal.display(), vector.display())).code, 0);
    assert_eq!(line(&format!("plot {} -o {}", journal.display(), raster.display())).code, 0);
    let text = svg(&vector);
    assert!(text.contains("optimizer steps") && text.contains("median draw"));
    // The warm-up is one shade, the ten spans after it have many each.
    assert!(text.matches("<rect ").count() > 10 * 15);
    let (width, height, colours) = png(&raster);
    assert_eq!((width, height), (2200, 2380));
    assert!(colours.len() > 60, "a colour map has many colours: {}", colours.len());
}

#[test]
fn other_kinds_of_picture_are_refused() {
    let folder = folder("kinds");
    let path = write(&folder, "state.snapshot", snapshot_of(&trained(&quick(), 3)));
    assert!(
        refusal(&format!("plot {path} -o out.pdf")).starts_with("out.pdf: the name of a picture must end in")
    );
    let lost = folder.join("no/such/folder.svg");
    assert!(refusal(&format!("plot {path} -o {}", lost.display())).contains("cannot be written"));
}
