//! Journals: replayed, torn, damaged, forged.

use crate::{Done, folder, line, quick, refusal, write};
use infonoise::journal::{HEAD, Record, room};
use infonoise::recent_draws::recent_words;
use infonoise::{Recorder, Scheduler, begin_room, state_words};
use std::path::Path;

/// A recorded run of rank 1 of 2, its draws, and where the records begin.
struct Run {
    log: Vec<u8>,
    starts: Vec<usize>,
    draws: Vec<(u64, f32)>,
    digest: u64,
}

fn recorded(steps: u64, page: usize) -> Run {
    let (mut words, mut memory) = (vec![0; state_words(64, 64)], vec![0; recent_words(page)]);
    let mut scheduler = Scheduler::init(&mut words, &quick(), 11).unwrap();
    let (mut log, mut starts, mut draws) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = vec![0; begin_room(64, 64).max(room(512))];
    let (mut recorder, used) = Recorder::begin(&mut memory, page, &scheduler, 11, &mut out).unwrap();
    let mut append = |log: &mut Vec<u8>, record: &[u8]| {
        starts.push(log.len());
        log.extend(record);
    };
    append(&mut log, &out[..used]);
    let mut sigma = [0.0; 256];
    for step in 0..steps {
        // What the two ranks draw, from a copy of the block.
        let mut whole = [0.0; 512];
        let mut copy = vec![0; state_words(64, 64)];
        let mut snapshot = vec![0; infonoise::snapshot::bytes(64, 64)];
        scheduler.reader().save(&mut snapshot).unwrap();
        Scheduler::load(&mut copy, &snapshot).unwrap().sample(&mut whole).unwrap();
        draws.extend(whole.map(|sigma| (step, sigma)));
        let used = recorder.sample(&mut scheduler, &mut sigma, 256, 512, &mut out).unwrap();
        append(&mut log, &out[..used]);
        assert_eq!(sigma, whole[256..]);
        let error = whole.map(|s| s * s * 0.25 / (s * s + 0.25));
        let (_, used) = recorder.observe(&mut scheduler, &whole, &error, None, &mut out).unwrap();
        append(&mut log, &out[..used]);
        let (_, used) = recorder.step(&mut scheduler, &mut out).unwrap();
        append(&mut log, &out[..used]);
    }
    let used = recorder.digest(&scheduler, &mut out).unwrap();
    append(&mut log, &out[..used]);
    let digest = scheduler.digest();
    Run { log, starts, draws, digest }
}

fn replay(folder: &Path, bytes: &[u8], flags: &str) -> (String, Done) {
    let path = write(folder, "run.journal", bytes);
    let done = line(&format!("replay {path} {flags}"));
    (path, done)
}

#[test]
fn a_replay_agrees_and_emits_every_draw() {
    let (folder, run) = (folder("replay"), recorded(40, 1024));
    let csv = folder.join("sigmas.csv");
    let (path, done) = replay(&folder, &run.log, &format!("--emit {}", csv.display()));
    let digest = format!("{:016x}", run.digest);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    // Steps 20, 30 and 40 refresh; one digest closes the run.
    assert_eq!(done.out, format!("{path}: 40 steps, 20480 draws, 4 digests agree; ends at {digest}\n"));
    let text = std::fs::read_to_string(&csv).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("step,draw,sigma"));
    for (i, (step, sigma)) in run.draws.iter().enumerate() {
        let fields: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert_eq!(fields[..2], [step.to_string(), i.to_string()]);
        assert_eq!(fields[2].parse::<f32>().unwrap().to_bits(), sigma.to_bits());
    }
    assert_eq!(lines.next(), None);
    let json = line(&format!("replay {path} --json")).json();
    assert_eq!((&json["digests"], &json["digest"]), (&4.into(), &digest.as_str().into()));
    assert_eq!(json["report"]["steps"], 40);
    let json = line(&format!("inspect {path} --json")).json();
    assert_eq!((&json["kind"], &json["digest"]), (&"journal".into(), &digest.as_str().into()));
    assert_eq!(line(&format!("grid {path} -n 5")).out.lines().count(), 5);
}

#[test]
fn simulations_leave_journals_that_agree() {
    let folder = folder("simulated_journal");
    let path = folder.join("run.journal");
    let simulated =
        line(&format!("simulate --profile two-point --steps 700 --set warmup_steps=500,refresh_growth=0 --json --journal {}", path.display())).json();
    let json = line(&format!("replay {} --json", path.display())).json();
    assert_eq!((&json["digest"], &json["report"]), (&simulated["digest"], &simulated["report"]));
    assert_eq!(json["digests"], 4); // 500, 600, 700, and the end
}

#[test]
fn a_torn_tail_is_dropped_with_a_warning() {
    let (folder, run) = (folder("torn"), recorded(22, 1024));
    // Records: the start, three a step, the closing digest.
    for (whole, kept) in [(run.starts.len() - 1, 5), (run.starts.len() - 3, 700), (3, 1)] {
        let end = run.starts[whole] + kept;
        let (path, done) = replay(&folder, &run.log[..end], "");
        assert_eq!(done.code, 0, "{}", done.err);
        let warning = format!("infonoise: {path}: ends in an incomplete record, {kept} bytes were dropped\n");
        assert!(done.err.starts_with(&warning), "{}", done.err);
        assert!(done.out.contains(&format!(": {} steps, ", (whole - 1) / 3)), "{}", done.out);
    }
    // A file system may leave zeros in the place of a lost write.
    let mut zeros = run.log.clone();
    zeros.extend([0; 3000]);
    let (_, done) = replay(&folder, &zeros, "--json");
    assert_eq!((done.code, done.json()["torn_bytes"].as_u64()), (0, Some(3000)));
    // A file that ends after a record is not torn.
    let (_, done) = replay(&folder, &run.log[..run.starts[4]], "");
    assert_eq!(done.code, 0);
    assert!(done.err.contains("holds no digest, so nothing was compared") && !done.err.contains("dropped"));
}

#[test]
fn damage_in_the_middle_is_named_by_its_place() {
    let (folder, run) = (folder("damage"), recorded(22, 1024));
    for record in [1, 2, 30] {
        let mut bad = run.log.clone();
        bad[run.starts[record] + 9] ^= 1;
        let path = write(&folder, "bad.journal", &bad);
        let message = refusal(&format!("replay {path}"));
        let place = format!("{path}: byte {}: a checksum does not match", run.starts[record]);
        assert!(message.starts_with(&place), "{message}");
        assert_eq!(refusal(&format!("inspect {path}")), message);
    }
    // Valid records that do not fit this run: one is missing.
    let mut joined = run.log[..run.starts[1]].to_vec();
    joined.extend(&run.log[run.starts[2]..]);
    let path = write(&folder, "joined.journal", &joined);
    assert!(refusal(&format!("replay {path}")).contains("was the journal joined from pieces?"));
    for (length, what) in [(HEAD + 30, "the bytes end early"), (4, "the bytes end early")] {
        let path = write(&folder, "short.journal", &run.log[..length]);
        let message = refusal(&format!("replay {path}"));
        assert!(message.contains(&format!("cannot start a replay: {what}")), "{message}");
    }
    let path = write(&folder, "not.journal", "step,loss\n1,2\n");
    assert!(refusal(&format!("replay {path}")).contains("these bytes are not a journal"));
}

#[test]
fn a_run_that_ends_elsewhere_is_told_its_step() {
    let (folder, run) = (folder("elsewhere"), recorded(30, 1024));
    // The records of step 20, then a digest that another run had.
    let place = run.starts[1 + 3 * 20 - 1];
    let (_, step) = Record::decode(&run.log[place..]).unwrap();
    let (record, length) = Record::decode(&run.log[place + step..]).unwrap();
    let Record::Digest { steps: 20, digest } = record else { panic!("{record:?}") };
    let mut forged = run.log.clone();
    let wrong = Record::Digest { steps: 20, digest: digest ^ 1 };
    wrong.encode(&mut forged[place + step..place + step + length]).unwrap();
    let (path, done) = replay(&folder, &forged, "");
    assert_eq!((done.code, done.out.as_str()), (1, ""));
    assert_eq!(
        done.err,
        format!(
            "infonoise: {path}: differs at step 20: its digest is {:016x}, the run's {digest:016x}\n",
            digest ^ 1
        )
    );
}

#[test]
fn batches_beyond_the_page_cannot_be_emitted() {
    let (folder, run) = (folder("page"), recorded(3, 256));
    let (path, done) = replay(&folder, &run.log, "");
    assert_eq!(done.code, 0, "{}", done.err);
    let csv = folder.join("sigmas.csv");
    let message = refusal(&format!("replay {path} --emit {}", csv.display()));
    assert!(
        message.contains("the batch of 512 draws at step 0 is larger than the journal's page of 256"),
        "{message}"
    );
}
