//! The verdict on a plan: one line for people.

use crate::error::number;

#[test]
fn example() {
    let line = |levels, evaluations, edm_levels| {
        let mut line = String::new();
        verdict(levels, evaluations, edm_levels, &mut |piece| line.push_str(piece));
        line
    };
    assert_eq!(line(9, 17, 24), "9 levels (17 evaluations): as good as EDM's 24");
    assert_eq!(line(1, 1, 0), "1 level (1 evaluation): as good as EDM's grid with more than 1024");
}

/// Calls `put` with the pieces of the line, in order. `edm_levels` is as in
/// [`Plan`](crate::plan::Plan).
pub fn verdict(levels: u32, evaluations: u32, edm_levels: u32, put: &mut impl FnMut(&str)) {
    number(levels.into(), put);
    put(if levels == 1 { " level (" } else { " levels (" });
    number(evaluations.into(), put);
    put(if evaluations == 1 { " evaluation" } else { " evaluations" });
    put("): as good as EDM's ");
    if edm_levels == 0 { put("grid with more than 1024") } else { number(edm_levels.into(), put) }
}
