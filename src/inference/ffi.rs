//! The only room with `unsafe`: two callbacks of whisper.cpp that whisper-rs has no safe form of.
//!
//! [`run`] owns the parameters, so that the pointers it puts into them cannot outlive what they
//! point at. The callbacks index through checked slices and cannot panic across the boundary.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use whisper_rs::{
    FullParams, WhisperError, WhisperState, WhisperSysContext, WhisperSysState, WhisperTokenData,
};

/// Makes every token outside a set less likely.
pub(crate) struct TokenBias {
    /// True for a token that keeps its score. One entry a token of the vocabulary.
    pub allowed: Arc<[bool]>,
    /// Subtracted from the logits of all others.
    pub penalty: f32,
}

/// Lets a waiting final stop a partial. Lives as long as its worker.
pub(crate) struct Stop {
    /// Finals that wait in the queue.
    pub finals: Arc<AtomicUsize>,
    /// Whether this worker is busy with a partial.
    pub partial: AtomicBool,
}

unsafe extern "C" fn bias_logits(
    _context: *mut WhisperSysContext,
    _state: *mut WhisperSysState,
    _tokens: *const WhisperTokenData,
    _count: c_int,
    logits: *mut f32,
    user: *mut c_void,
) {
    if logits.is_null() || user.is_null() {
        return;
    }
    // SAFETY: `user` is the `&TokenBias` that `run` holds for the length of the call, and `allowed`
    // has one entry a vocabulary token, which is the length of whisper.cpp's logits vector; `run`
    // checks that before it installs the callback.
    let (bias, logits) = unsafe {
        let bias = &*user.cast::<TokenBias>();
        (
            bias,
            std::slice::from_raw_parts_mut(logits, bias.allowed.len()),
        )
    };
    for (logit, allowed) in logits.iter_mut().zip(bias.allowed.iter()) {
        if !allowed {
            *logit -= bias.penalty;
        }
    }
}

unsafe extern "C" fn should_stop(user: *mut c_void) -> bool {
    if user.is_null() {
        return false;
    }
    // SAFETY: `user` is the `&Stop` that `run` holds; its worker keeps it beyond its state.
    let stop = unsafe { &*user.cast::<Stop>() };
    stop.partial.load(Ordering::Relaxed) && stop.finals.load(Ordering::Relaxed) > 0
}

/// `whisper_full` with the two callbacks. `n_vocab` is the model's own number.
pub(crate) fn run(
    state: &mut WhisperState,
    mut params: FullParams<'_, '_>,
    bias: Option<&TokenBias>,
    stop: &Arc<Stop>,
    n_vocab: usize,
    pcm: &[f32],
) -> Result<(), WhisperError> {
    // SAFETY: both pointers stay valid while `full` runs: `bias` and `stop` are borrowed for this
    // whole function and `params` is consumed in it.
    unsafe {
        if let Some(bias) = bias.filter(|b| b.allowed.len() == n_vocab) {
            params.set_filter_logits_callback(Some(bias_logits));
            params.set_filter_logits_callback_user_data(
                std::ptr::from_ref(bias).cast_mut().cast::<c_void>(),
            );
        }
        params.set_abort_callback(Some(should_stop));
        params.set_abort_callback_user_data(Arc::as_ptr(stop).cast_mut().cast::<c_void>());
    }
    state.full(params, pcm)
}
