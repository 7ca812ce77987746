//! The planned grid: at which noise levels a sampler steps.

use crate::memory::{self, Sized32, input, opened, optional, output, reader};
use crate::setup::text_in;
use crate::{State, Status, status};
use core::ffi::c_char;
use infonoise::Solver;
use infonoise::plan::{self, Curve, MOST, plan, plan_len};

/// The most levels of a plan.
pub const INFONOISE_MOST_LEVELS: usize = 240;
const _: () = assert!(INFONOISE_MOST_LEVELS == plan::MOST_LEVELS);

/// The most variances of a plan's spectrum.
pub const INFONOISE_MOST_VARIANCES: usize = 32;
const _: () = assert!(INFONOISE_MOST_VARIANCES == MOST);

/// What a plan starts from and what it expects. Costs are sums over the steps, the last one
/// to 0 included: `error`, the solver's error on Gaussian data of the same mmse, a weighted
/// difference of logarithms, and `leaps`, the squared shares of the information that the
/// steps pass. The plan minimises their sum.
#[repr(C)]
pub struct PlanRecord {
    /// `sizeof` this struct, set by `INFONOISE_PLAN_INIT`.
    pub struct_size: u32,
    /// In: 1 plans from an estimate instead of the profile in force.
    pub estimated: u32,
    /// In: the last level; 0 lets the plan choose it.
    pub end: f64,
    /// Error of the planned levels.
    pub error: f64,
    /// Leaps of the planned levels.
    pub leaps: f64,
    /// Error of EDM's grid (rho = 7) with as many levels, from sigma_max to sigma_min.
    pub edm_error: f64,
    /// Leaps of that grid.
    pub edm_leaps: f64,
    /// Evaluations of the network that a sampler spends on the planned levels.
    pub evaluations: u32,
    /// The planned levels, n.
    pub levels: u32,
    /// The fewest levels with which EDM's grid costs no more; 0 if that takes more than 1024.
    pub edm_levels: u32,
    /// Variances of the spectrum, at most 32.
    pub variances: u32,
    /// The variances, ascending (room for 32), or NULL.
    pub variance: *mut f64,
    /// Their masses (room for 32), or NULL.
    pub mass: *mut f64,
}
unsafe impl Sized32 for PlanRecord {}

/// Bytes of scratch memory, 8-aligned, that a plan of n levels needs; 0 unless n is from 1
/// to 240.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_plan_bytes(n: usize) -> usize {
    if (1..=INFONOISE_MOST_LEVELS).contains(&n) { 8 * plan_len(n) } else { 0 }
}

/// The most levels for which so many evaluations of the network suffice with a solver
/// (`infonoise_solver`), the step to 0 included; 0 for no such solver.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_plan_levels(solver: u32, evaluations: usize) -> usize {
    Solver::from_code(solver).map_or(0, |solver| solver.levels(evaluations))
}

/// Fills `sigma` with the n noise levels of the least predicted cost for a solver
/// (`infonoise_solver`), from sigma_max down. It does not append 0. Heun's rule then
/// takes 2 n - 1 evaluations, Euler's (DDIM) n.
///
/// Errors: those of a state; STRUCT_SIZE; NOT_READY before the first refresh, or, for an
/// estimate, while a bin is empty; TOO_SMALL (`scratch_bytes` below
/// `infonoise_plan_bytes(n)`); ARGUMENT (no such solver, n is not 1 to 240, `end` not below
/// sigma_max).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_plan_grid(
    state: *const State,
    bytes: usize,
    solver: u32,
    sigma: *mut f32,
    n: usize,
    scratch: *mut core::ffi::c_void,
    scratch_bytes: usize,
    plan: *mut PlanRecord,
) -> Status {
    status(|| {
        let asked = unsafe { Asked::of(solver, sigma, n, scratch, scratch_bytes, plan)? };
        let mut curve = Curve::default();
        let room = unsafe { read_curve(state, bytes, &mut curve, asked.record.estimated == 1, asked.room)? };
        answer(&curve, asked.solver, asked.levels, room, asked.record)
    })
}

/// Reads a block's curve; the frames of that are gone before the plan's come.
#[inline(never)]
unsafe fn read_curve<'r>(
    state: *const State,
    bytes: usize,
    curve: &mut Curve<'r>,
    estimated: bool,
    room: &'r mut [f64],
) -> Result<&'r mut [f64], Status> {
    let state = unsafe { reader(state, bytes) };
    Ok(opened(&state)?.plan_curve(curve, estimated, room)?)
}

/// The same from a profile that was measured elsewhere: `error[i]`, squared x0 errors per
/// dimension, at `points` ascending standard deviations `at[i]`; from `high` down to `low` at
/// most. There is no gate.
///
/// Errors: as `infonoise_plan_grid`; NOT_READY if every error is 0; ARGUMENT for numbers that
/// are no profile.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn infonoise_plan_table(
    at: *const f64,
    error: *const f64,
    points: usize,
    low: f64,
    high: f64,
    solver: u32,
    sigma: *mut f32,
    n: usize,
    scratch: *mut core::ffi::c_void,
    scratch_bytes: usize,
    record: *mut PlanRecord,
) -> Status {
    status(|| {
        let asked = unsafe { Asked::of(solver, sigma, n, scratch, scratch_bytes, record)? };
        let (sigma, error) = unsafe { (input(at, points)?, input(error, points)?) };
        let curve = Curve { sigma, error, gate: &[], low, high };
        answer(&curve, asked.solver, asked.levels, asked.room, asked.record)
    })
}

/// Writes a plan's verdict, such as "9 levels (17 evaluations): as good as EDM's 24", from
/// its members `levels`, `evaluations` and `edm_levels`; at most `bytes`, 0-terminated.
///
/// Errors: NULL (plan), MISALIGNED, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_plan_verdict(
    plan: *const PlanRecord,
    text: *mut c_char,
    bytes: usize,
) -> Status {
    let mut text = unsafe { text_in(text, bytes) };
    status(|| {
        unsafe { memory::check_size(plan)? };
        let &PlanRecord { levels, evaluations, edm_levels, .. } = unsafe { &*plan };
        plan::verdict(levels, evaluations, edm_levels, &mut |piece| text.put(piece));
        Ok(())
    })
}

/// What the caller asks for.
struct Asked<'a> {
    solver: Solver,
    levels: &'a mut [f32],
    room: &'a mut [f64],
    record: &'a mut PlanRecord,
}

impl Asked<'_> {
    unsafe fn of(
        solver: u32,
        sigma: *mut f32,
        n: usize,
        scratch: *mut core::ffi::c_void,
        scratch_bytes: usize,
        record: *mut PlanRecord,
    ) -> Result<Self, Status> {
        unsafe { memory::check_size(record)? };
        let record = unsafe { &mut *record };
        let solver = Solver::from_code(solver).ok_or(Status::INFONOISE_ARGUMENT)?;
        if record.estimated > 1
            || record.end.is_nan()
            || record.end < 0.0
            || !(1..=INFONOISE_MOST_LEVELS).contains(&n)
        {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        let levels = unsafe { output(sigma, n)? };
        let room = unsafe { output(scratch.cast::<f64>(), scratch_bytes / 8)? };
        unsafe { optional(record.variance, MOST)? };
        unsafe { optional(record.mass, MOST)? };
        Ok(Asked { solver, levels, room, record })
    }
}

/// Plans, and writes what is expected to the record.
#[inline(never)]
fn answer(
    curve: &Curve<'_>,
    solver: Solver,
    levels: &mut [f32],
    room: &mut [f64],
    record: &mut PlanRecord,
) -> Result<(), Status> {
    let end = if record.end == 0.0 { None } else { Some(record.end) };
    let (n, found) = (levels.len(), plan(curve, solver, end, levels, room)?);
    let (variances, masses) = unsafe { (optional(record.variance, MOST)?, optional(record.mass, MOST)?) };
    for (to, (variance, _)) in variances.iter_mut().zip(found.spectrum.iter()) {
        *to = variance;
    }
    for (to, (_, mass)) in masses.iter_mut().zip(found.spectrum.iter()) {
        *to = mass;
    }
    (record.error, record.leaps) = (found.planned.error, found.planned.leaps);
    (record.edm_error, record.edm_leaps) = (found.edm.error, found.edm.leaps);
    (record.levels, record.evaluations) = (n as u32, solver.evaluations(n) as u32);
    (record.edm_levels, record.variances) = (found.edm_levels, found.spectrum.count() as u32);
    Ok(())
}
