//! A `std` whose threads run in the order that shuttle says. A crate that says
//! `extern crate self as std` and takes these modules at its root can compile a file of `src` a
//! second time, as it stands: its `std::sync` is then this one, and a wake-up that is lost shows
//! as a deadlock.

pub mod collections {
    pub use real::collections::*;
}

pub mod sync {
    pub use real::sync::PoisonError;
    pub use shuttle::sync::*;
}

pub mod time {
    pub use real::time::*;
}

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Time stands still here: who is woken by nothing but time is woken by nothing.
pub const FOREVER: time::Duration = time::Duration::from_secs(24 * 60 * 60);

/// Runs `model` in thousands of orders: at random, and with few but well-placed switches.
pub fn explore(model: impl Fn() + Clone + Send + Sync + 'static) {
    run(RandomScheduler::new_from_seed(1, 2_000), model.clone());
    run(PctScheduler::new_from_seed(2, 3, 2_000), model);
}

pub fn run(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    Runner::new(scheduler, config).run(model);
}
