//! Files that the program reads, and files that it refuses.

use crate::{block_of, folder, infonoise, line, quick, refusal, snapshot_of, trained, write};
use infonoise::{Config, Scheduler, StateRef, state_words};
use std::process::{Command, Stdio};

#[test]
fn images_and_blocks_read_alike() {
    let folder = folder("alike");
    let words = trained(&quick(), 60);
    let digest = format!("{:016x}", StateRef::open(&words).unwrap().digest());
    let mut roomy = block_of(&words);
    roomy.extend([0; 80]); // a block may lie in a larger allocation
    for (kind, bytes) in [("snapshot", snapshot_of(&words)), ("block", block_of(&words)), ("block", roomy)] {
        let path = write(&folder, kind, bytes);
        let json = line(&format!("inspect {path} --json")).json();
        assert_eq!((json["kind"].as_str(), json["digest"].as_str()), (Some(kind), Some(digest.as_str())));
        let text = line(&format!("inspect {path}")).out;
        assert!(text.contains(&digest) && text.contains("adapting") && text.contains("refresh_every     10"));
    }
}

#[test]
fn every_bad_file_is_named_with_what_is_wrong() {
    let folder = folder("bad");
    let words = trained(&quick(), 30);
    let (snapshot, block) = (snapshot_of(&words), block_of(&words));
    let changed = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 0x10;
        bytes
    };
    let mut foreign = words.clone();
    foreign.iter_mut().for_each(|word| *word = word.swap_bytes());
    let mut layout = words.clone();
    layout[1] = 77;
    for (what, bytes) in [
        ("0 bytes are too few", Vec::new()),
        ("3 bytes are too few", b"INF".to_vec()),
        ("begins with \"\\x89PNG\\r\\n\\x1a\\n\", so it is no schedule", b"\x89PNG\r\n\x1a\n....".to_vec()),
        ("the bytes end early", snapshot[..snapshot.len() - 1].to_vec()),
        ("a checksum does not match", changed(&snapshot, 3000)),
        ("another snapshot version", changed(&snapshot, 8)),
        ("memory is smaller than needed", block[..block.len() - 8].to_vec()),
        ("the other byte order", block_of(&foreign)),
        ("another layout version", block_of(&layout)),
        ("contradicts itself", changed(&block, 3000)),
    ] {
        let path = write(&folder, "file", bytes);
        for command in ["inspect FILE", "grid FILE -n 4", "plot FILE -o out.svg"] {
            let message = refusal(&command.replace("FILE", &path));
            assert!(message.starts_with(&format!("{path}: ")) && message.contains(what), "{what}: {message}");
        }
    }
    assert!(refusal("inspect no/such/file").starts_with("no/such/file: cannot be read: "));
}

#[test]
fn tables_are_refused_by_line_and_column() {
    let folder = folder("tables");
    for (text, what) in [
        ("", "line 1: no column sigma in \"\": the first line must name the columns sigma,error"),
        ("noise,error\n1,2\n", "line 1: no column sigma in \"noise,error\""),
        ("sigma,error\n", "holds no row below its header"),
        ("sigma,error\n1,2\n\n3,x\n", "line 4: error = \"x\" must be a number"),
        ("sigma,error\n1,2\n3\n", "line 3: 1 fields must be 2, as in the first line"),
        ("sigma,error\n1,0,5\n", "line 2: 3 fields must be 2, as in the first line: decimals have a point"),
        ("sigma,error,sigma\n1,2,3\n", "line 1: two columns are named sigma"),
        ("sigma,error\n1,\n", "line 2: error = \"\" must be a number"),
        ("sigma,error\n1,2\n-1,2\n", "line 3: sigma = -1 must be above 0: it is a standard deviation"),
        ("sigma,error\n1,-2\n", "line 2: error = -2 must be at least 0 and finite"),
        ("sigma,error\n1,NaN\n", "line 2: error = NaN must be at least 0 and finite"),
        (
            "sigma,error\n1,2\n",
            "no loss in 63 of 64 bins (0-36, 38-63; sigma 0.002 to 80): measure there too",
        ),
    ] {
        let path = write(&folder, "losses.csv", text);
        let message = refusal(&format!("diagnose {path} --schedule cosine"));
        assert!(message.starts_with(&format!("{path}: {what}")), "{message}");
    }
    for (text, what) in [
        ("sigma,mmse\n1,1\n", "holds 1 row"),
        ("sigma,mmse\n0.001,1\n100,1\n99,2\n", "line 4: sigma = 99 must be above 100: sort the rows"),
        ("sigma,mmse\n0.001,1\n100,0\n", "line 3: mmse = 0 must be above 0"),
        ("sigma,mmse\n0.01,1\n100,2\n", "knows sigma 0.01 to 100, but the grid goes from 0.002 to 80"),
    ] {
        let path = write(&folder, "mmse.csv", text);
        let message = refusal(&format!("simulate --profile {path}"));
        assert!(message.starts_with(&format!("{path}: {what}")), "{message}");
    }
}

#[test]
fn settings_are_refused_with_their_bounds() {
    for (arguments, what) in [
        ("--set bins=7", "bins = 7 must be at least 8: 64 serves most grids"),
        ("--preset flux", "--preset flux must be one of default, discrete, edm, flow, epsilon, paper"),
        ("--set min_count=300", "min_count = 300 must be at most window = 256"),
        ("--set sigma_max=0.001", "sigma_max = 0.001 must be above sigma_min = 0.002: swap them"),
        ("--set smoothin=1", "--set smoothin=1: no such field; there are bins, window"),
        ("--batch 0", "--batch 0 must be 1 to"),
        ("--steps 0", "--steps 0 must be at least 1"),
        ("--noise -1", "--noise -1 must be 0 to 10"),
    ] {
        let message = refusal(&format!("simulate --profile gaussian {arguments}"));
        assert!(message.starts_with(what), "{message}");
    }
    assert!(refusal("simulate --profile normal").starts_with("--profile normal must be two-point"));
    assert!(refusal("simulate --profile gaussian:-1").contains("the width must be"));
    let file = write(&folder("settings"), "losses.csv", "sigma,error\n1,2\n");
    for (schedule, what) in [
        ("normal", "must be lognormal, loguniform, logitnormal, cosine, shifted_flow or a CSV file"),
        ("lognormal:1", "lognormal takes 2 numbers"),
        ("lognormal:nan,1", "makes no sense: a deviation or a shift is positive"),
        ("loguniform:1,0.5", "makes no sense: a deviation or a shift is positive"),
        ("shifted_flow:0", "makes no sense: a deviation or a shift is positive"),
        ("cosine:1", "cosine takes 0 numbers"),
        ("shifted_flow:x", "shifted_flow takes 1 numbers"),
    ] {
        let message = refusal(&format!("diagnose {file} --schedule {schedule}"));
        assert!(message.starts_with(&format!("--schedule {schedule}: {what}")), "{message}");
    }
    assert!(
        refusal(&format!("diagnose {file} --schedule cosine --coordinate x")).contains("must be sigma, t")
    );
}

#[test]
fn a_reader_that_leaves_does_not_end_the_work() {
    let saved = folder("leaves").join("state.snapshot");
    let mut child = Command::new(env!("CARGO_BIN_EXE_infonoise"))
        .args(["simulate", "--profile", "gaussian", "--steps", "500", "--save"])
        .arg(&saved)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &[][..]));
    assert!(line(&format!("inspect {}", saved.display())).out.contains("500, 128000 draws"));
}

#[test]
fn the_poor_bins_of_a_waiting_schedule_are_named() {
    let config = Config { warmup_steps: 1, ..quick() };
    let mut words = vec![0; state_words(64, 64)];
    let mut scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
    // Bins 0, 1, 2 and 40 have too few losses.
    let centres: Vec<f64> = (0..64).map(|k| scheduler.reader().centre(k)).collect();
    for k in (3..64).filter(|&k| k != 40) {
        scheduler.observe(&[centres[k] as f32; 20], &[1e-6; 20]).unwrap();
    }
    scheduler.step().unwrap();
    let path = write(&folder("waiting"), "state", snapshot_of(&words));
    let text = line(&format!("inspect {path}")).out;
    assert!(text.contains("waiting: bin 0 holds 0 losses and a refresh needs min_count = 20 in every bin"));
    assert!(text.contains("4 of 64 hold fewer than 20: 0-2, 40"), "{text}");
    let json = line(&format!("inspect {path} --json")).json();
    assert_eq!(json["starved_bins"], serde_json::json!([0, 1, 2, 40]));
    assert_eq!(json["report"]["phase"], "waiting");
    assert!(json["advice"][0].as_str().unwrap().starts_with("waiting: bin 0"));
}

#[test]
fn a_held_schedule_says_why_and_what_to_do() {
    let mut words = vec![0; state_words(64, 64)];
    let mut scheduler = Scheduler::init(&mut words, &quick(), 0).unwrap();
    let mut sigma = [0.0; 512];
    for _ in 0..30 {
        scheduler.sample(&mut sigma).unwrap();
        scheduler.observe(&sigma, &[0.0; 512]).unwrap();
        scheduler.step().unwrap();
    }
    let path = write(&folder("held"), "state", snapshot_of(&words));
    let text = infonoise(["inspect", &path]).out;
    assert!(text.contains("no_signal: every error is 0: pass the per-sample errors"), "{text}");
    assert!(text.contains("(last reason: no_signal)"));
}

#[test]
fn a_pipe_will_do() {
    let folder = folder("pipe");
    let path = write(&folder, "state.snapshot", snapshot_of(&trained(&quick(), 30)));
    let (direct, piped) = (line(&format!("grid {path} -n 4")), {
        let command = format!("cat {path} | {} grid /dev/stdin -n 4", env!("CARGO_BIN_EXE_infonoise"));
        std::process::Command::new("sh").args(["-c", &command]).output().unwrap()
    });
    assert!(direct.code == 0 && direct.out == String::from_utf8(piped.stdout).unwrap());
}

#[test]
fn what_is_read_or_recorded_is_never_written_over() {
    let folder = folder("overwritten");
    let journal = folder.join("run.journal").display().to_string();
    let simulate = format!("simulate --profile gaussian --steps 30 --journal {journal}");
    assert_eq!(line(&simulate).code, 0);
    let whole = std::fs::read(&journal).unwrap();
    assert!(refusal(&simulate).contains("a journal is never overwritten"));
    let other = folder.join("other").display().to_string();
    assert!(
        refusal(&format!("simulate --profile gaussian --journal {other} --save {other}"))
            .contains("two names")
    );
    let link = folder.join("link.svg").display().to_string();
    std::os::unix::fs::symlink(&journal, &link).unwrap();
    for output in [&journal, &link] {
        assert!(
            refusal(&format!("replay {journal} --emit {output}"))
                .ends_with("is the input: write to another file")
        );
    }
    assert!(refusal(&format!("plot {journal} -o {link}")).ends_with("is the input: write to another file"));
    // No command overwrites another run's journal either.
    let another = write(&folder, "another.svg", &whole);
    let saved = folder.join("saved").display().to_string();
    assert_eq!(line(&format!("simulate --profile gaussian --steps 30 --save {saved}")).code, 0);
    for command in [
        format!("simulate --profile gaussian --steps 30 --save {another}"),
        format!("replay {journal} --emit {another}"),
        format!("plot {saved} -o {another}"),
    ] {
        assert!(refusal(&command).contains("a journal is never overwritten"), "{command}");
    }
    assert!(std::fs::read(&another).unwrap() == whole);
    assert!(std::fs::read(&journal).unwrap() == whole);
    // A replay that fails leaves the old output unchanged and no other file.
    let (damaged, output) =
        (write(&folder, "bad.journal", &whole[..whole.len() / 2 - 1]), write(&folder, "old.csv", "old"));
    std::fs::write(&damaged, [&whole[..2000], &[9; 400], &whole[2400..]].concat()).unwrap();
    assert_eq!(line(&format!("replay {damaged} --emit {output}")).code, 2);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "old");
    assert!(!folder.join("old.csv.part").exists());
}
