//! Records as others see them: masked, kept, found again, and whole after a crash.

mod journal;
mod masking;
mod store;
mod vault;

/// A runtime for a test's own use.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}
