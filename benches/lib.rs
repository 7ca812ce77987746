//! Inputs that the benchmarks share.

use infonoise::{Config, Scheduler};
use infonoise_simulation::gaussian;

/// mmse of Gaussian data of standard deviation 1/2.
pub fn mmse(sigma: f32) -> f32 {
    gaussian(0.5)(sigma.into()) as f32
}

/// A schedule that has adapted and whose rings are full.
pub fn adapted<'s>(words: &'s mut [u64], config: &Config) -> Scheduler<'s> {
    let mut scheduler = Scheduler::init(words, config, 1).expect("a valid configuration");
    let mut sigma = [0.0; 4096];
    while scheduler.report().poorest_count < config.window || scheduler.report().refreshes == 0 {
        scheduler.sample(&mut sigma).expect("a sound block");
        scheduler.observe(&sigma, &sigma.map(mmse)).expect("a sound block");
        scheduler.step().expect("a sound block");
    }
    scheduler
}
