//! A `std` whose threads run in the order that shuttle says. A crate that says
//! `extern crate self as std` and takes these modules at its root can compile a file of `src` a
//! second time, as it stands: its `std::sync` is then this one, and a wake-up that is lost shows
//! as a deadlock.

#![allow(dead_code)] // each model uses its own part of it

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Who is woken by nothing but this much time is woken by nothing.
pub const FOREVER: time::Duration = time::Duration::from_secs(24 * 60 * 60);

/// Runs `model` in thousands of orders: at random, and with few but well-placed switches.
pub fn explore(model: impl Fn() + Clone + Send + Sync + 'static) {
    run(RandomScheduler::new_from_seed(1, 2_000), model.clone());
    run(PctScheduler::new_from_seed(2, 3, 2_000), model);
}

pub fn run(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    // Who waits for what never comes, while others go round, is found by this.
    config.max_steps = MaxSteps::FailAfter(50_000);
    Runner::new(scheduler, config).run(model);
}

pub mod collections {
    pub use real::collections::*;
}

pub mod time {
    use real::cell::Cell;
    use real::ops::Add;
    use real::prelude::rust_2024::*;
    pub use real::time::{Duration, SystemTime};

    real::thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// It moves on only where somebody has waited for it.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Instant(Duration);

    impl Instant {
        pub fn now() -> Instant {
            Instant(NOW.get())
        }

        pub fn elapsed(&self) -> Duration {
            NOW.get() - self.0
        }

        pub fn saturating_duration_since(&self, other: Instant) -> Duration {
            self.0.saturating_sub(other.0)
        }
    }

    impl Add<Duration> for Instant {
        type Output = Instant;

        fn add(self, more: Duration) -> Instant {
            Instant(self.0 + more)
        }
    }

    pub fn pass(time: Duration) {
        NOW.set(NOW.get() + time);
    }
}

/// Shuttle's, but a short wait of a `Condvar` comes to an end: others run, and time has passed.
pub mod sync {
    use super::time::{Duration, pass};
    use real::ops::{Deref, DerefMut};
    use real::prelude::rust_2024::*;
    pub use real::sync::{LockResult, PoisonError};
    pub use shuttle::sync::Arc;

    const LONG: Duration = Duration::from_secs(60 * 60);

    #[derive(Default)]
    pub struct Mutex<T>(shuttle::sync::Mutex<T>);

    pub struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        guard: shuttle::sync::MutexGuard<'a, T>,
    }

    impl<T> Mutex<T> {
        pub fn new(value: T) -> Mutex<T> {
            Mutex(shuttle::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(MutexGuard { mutex: self, guard })
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    #[derive(Default)]
    pub struct Condvar(shuttle::sync::Condvar);

    impl Condvar {
        pub fn new() -> Condvar {
            Condvar::default()
        }

        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }

        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            let MutexGuard { mutex, guard } = guard;
            let guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
            Ok(MutexGuard { mutex, guard })
        }

        pub fn wait_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            mut condition: impl FnMut(&mut T) -> bool,
        ) -> LockResult<MutexGuard<'a, T>> {
            while condition(&mut guard) {
                guard = self.wait(guard)?;
            }
            Ok(guard)
        }

        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            patience: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, ())> {
            if patience > LONG {
                return Ok((self.wait(guard).unwrap(), ()));
            }
            let mutex = guard.mutex;
            drop(guard);
            shuttle::thread::yield_now();
            pass(patience);
            Ok((mutex.lock().unwrap(), ()))
        }

        pub fn wait_timeout_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            patience: Duration,
            mut condition: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, ())> {
            if condition(&mut guard) {
                guard = self.wait_timeout(guard, patience).unwrap().0;
            }
            Ok((guard, ()))
        }
    }
}
