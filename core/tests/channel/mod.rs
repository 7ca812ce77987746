//! Channels with a known mmse, per dimension, for simulated training runs.

#![allow(dead_code, reason = "each test file uses a part")]

/// An mmse tabulated over ln sigma: exact at its points, log-log linear between.
pub struct Channel {
    pub name: &'static str,
    points: Vec<f64>,
}

const LOW: f64 = -10.0;
const HIGH: f64 = 8.0;
const POINTS: usize = 1800;

impl Channel {
    pub fn new(name: &'static str, mmse: impl Fn(f64) -> f64) -> Self {
        let at = |i: usize| (LOW + (HIGH - LOW) * i as f64 / POINTS as f64).exp();
        Channel { name, points: (0..=POINTS).map(|i| mmse(at(i)).max(1e-300).ln()).collect() }
    }

    pub fn mmse(&self, sigma: f64) -> f64 {
        let place = (sigma.ln() - LOW) / (HIGH - LOW) * POINTS as f64;
        let i = (place as usize).min(POINTS - 1);
        let share = place - i as f64;
        (self.points[i] * (1.0 - share) + self.points[i + 1] * share).exp()
    }
}

/// E over x0 and noise of the posterior variance of points with equal mass.
fn points(centres: &[f64], sigma: f64) -> f64 {
    let n = centres.len() as f64;
    let (mut total, mut weights) = (0.0, 0.0);
    for i in -200..=200 {
        let e = f64::from(i) * 0.04;
        let weight = (-e * e / 2.0).exp();
        for &x0 in centres {
            let x = x0 + sigma * e;
            let nearest = centres.iter().map(|c| (x - c).powi(2)).fold(f64::INFINITY, f64::min);
            let (mut mass, mut mean, mut square) = (0.0, 0.0, 0.0);
            for &c in centres {
                let p = (((nearest - (x - c).powi(2)) / 2.0) / (sigma * sigma)).exp();
                mass += p;
                mean += p * (c - x0);
                square += p * (c - x0).powi(2);
            }
            total += weight * (square / mass - (mean / mass).powi(2)) / n;
        }
        weights += weight;
    }
    total / weights
}

/// {-1, +1}.
pub fn two_point(sigma: f64) -> f64 {
    points(&[-1.0, 1.0], sigma)
}

pub fn gaussian(deviation: f64) -> impl Fn(f64) -> f64 {
    let variance = deviation * deviation;
    move |sigma| sigma * sigma * variance / (sigma * sigma + variance)
}

/// Two Gaussian modes at -1 and +1, each of standard deviation `width`.
fn two_modes(width: f64) -> impl Fn(f64) -> f64 {
    move |sigma| {
        // Given x, the mode is a two-point problem at noise sqrt(sigma^2 + width^2),
        // and within a mode the shrinkage is Gaussian.
        let noise = sigma * sigma + width * width;
        let shrink = sigma * sigma / noise;
        gaussian(width)(sigma) + shrink * shrink * two_point(noise.sqrt())
    }
}

/// Every shape that a run must follow.
pub fn shapes() -> Vec<(Channel, Kind)> {
    use Kind::*;
    let levels: Vec<f64> = (0..8).map(|i| -1.0 + 2.0 * f64::from(i) / 7.0).collect();
    let spectrum = |sigma: f64| (1..=64).map(|j| gaussian(1.0 / f64::from(j))(sigma)).sum::<f64>() / 64.0;
    let scales = |sigma: f64| (4.0 * two_point(sigma / 2.0) + 0.01 * two_point(sigma * 10.0)) / 2.0;
    vec![
        (Channel::new("two points", two_point), Discrete),
        (Channel::new("two points, far apart", |s| 9.0 * two_point(s / 3.0)), Discrete),
        (Channel::new("two scales", scales), Discrete),
        (Channel::new("eight levels", move |s| points(&levels, s)), Discrete),
        (Channel::new("two points, loss floor", |s| two_point(s) + 2e-4), Discrete),
        (Channel::new("Gaussian", gaussian(0.5)), Continuous),
        (Channel::new("monotone spectrum", spectrum), Continuous),
        (Channel::new("two modes", two_modes(0.2)), Continuous),
        (Channel::new("Gaussian, velocity errors", gaussian(0.5)), Velocity),
        (Channel::new("Gaussian, epsilon errors", gaussian(0.5)), Epsilon),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Continuous,
    Discrete,
    Velocity,
    Epsilon,
}
