//! The only room with `unsafe`: two callbacks of whisper.cpp that whisper-rs has no safe form of, and
//! decoding several tokens at once, of which whisper-rs gives the first one's scores only.
//!
//! [`run`] owns the parameters, so that the pointers it puts into them cannot outlive what they
//! point at. The callbacks index through checked slices and cannot panic across the boundary.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use whisper_rs::{
    FullParams, WhisperError, WhisperState, WhisperSysContext, WhisperSysState, WhisperTokenData,
    whisper_rs_sys as sys,
};

/// Makes tokens less likely: what is subtracted from the logit of every token of the vocabulary.
pub(crate) type TokenBias = Arc<[f32]>;

/// Lets a waiting final stop a partial. Lives as long as its worker.
pub(crate) struct Stop {
    /// Finals that wait in the queue.
    pub finals: Arc<AtomicUsize>,
    /// Whether this worker is busy with a partial.
    pub partial: AtomicBool,
}

/// What the callback needs and what it sees.
struct Filter<'a> {
    /// One entry a token of the vocabulary.
    bias: Option<&'a TokenBias>,
    context: *mut WhisperSysContext,
    state: *mut WhisperSysState,
}

unsafe extern "C" fn filter_logits(
    context: *mut WhisperSysContext,
    state: *mut WhisperSysState,
    _tokens: *const WhisperTokenData,
    _count: c_int,
    logits: *mut f32,
    user: *mut c_void,
) {
    if logits.is_null() || user.is_null() {
        return;
    }
    // SAFETY: `user` is the `Filter` that `run` holds for the length of the call, and whisper.cpp
    // samples on one thread, since `run` sets one.
    let filter = unsafe { &mut *user.cast::<Filter<'_>>() };
    filter.context = context;
    filter.state = state;
    let Some(bias) = filter.bias else {
        return;
    };
    // SAFETY: the bias is as long as whisper.cpp's logits vector; `run` checks that.
    let logits = unsafe { std::slice::from_raw_parts_mut(logits, bias.len()) };
    for (logit, penalty) in logits.iter_mut().zip(bias.iter()) {
        *logit -= penalty;
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

/// `whisper_full` with the two callbacks. `n_vocab` is the model's own number. What comes back goes on
/// decoding the same sound; `None` where there was nothing to decode.
pub(crate) fn run<'a>(
    state: &'a mut WhisperState,
    mut params: FullParams<'_, '_>,
    bias: Option<&TokenBias>,
    stop: &Arc<Stop>,
    n_vocab: usize,
    pcm: &[f32],
) -> Result<Option<Decoder<'a>>, WhisperError> {
    params.set_n_threads(1);
    let mut filter = Filter {
        bias: bias.filter(|b| b.len() == n_vocab),
        context: std::ptr::null_mut(),
        state: std::ptr::null_mut(),
    };
    // SAFETY: both pointers stay valid while `full` runs: `filter` lives in this function, `stop`
    // is borrowed for all of it, and `params` is consumed in it.
    unsafe {
        params.set_filter_logits_callback(Some(filter_logits));
        params
            .set_filter_logits_callback_user_data(std::ptr::from_mut(&mut filter).cast::<c_void>());
        params.set_abort_callback(Some(should_stop));
        params.set_abort_callback_user_data(Arc::as_ptr(stop).cast_mut().cast::<c_void>());
    }
    state.full(params, pcm)?;
    let Filter { context, state, .. } = filter;
    let there = !context.is_null() && !state.is_null();
    Ok(there.then_some(Decoder {
        context,
        state,
        n_vocab,
        of: PhantomData,
    }))
}

/// A state whose sound is encoded, to be asked for what may follow a text.
pub(crate) struct Decoder<'a> {
    context: *mut WhisperSysContext,
    state: *mut WhisperSysState,
    n_vocab: usize,
    /// Keeps the state, and with it the context, from being used or dropped meanwhile.
    of: PhantomData<&'a mut WhisperState>,
}

impl Decoder<'_> {
    /// Scores of every token after the first `past` tokens decoded before and then these.
    pub fn logits(
        &mut self,
        tokens: &[c_int],
        past: usize,
        row: &mut Vec<f32>,
    ) -> Result<(), WhisperError> {
        let (Some(before), Ok(count), Ok(past)) = (
            tokens.len().checked_sub(1),
            c_int::try_from(tokens.len()),
            c_int::try_from(past),
        ) else {
            return Err(WhisperError::UnableToCalculateEvaluation);
        };
        // SAFETY: whisper.cpp gave both pointers for the state that is borrowed here for as long.
        // It keeps a row of `n_vocab` scores a token, and fills that of the last.
        unsafe {
            let (context, state) = (self.context, self.state);
            let failed =
                sys::whisper_decode_with_state(context, state, tokens.as_ptr(), count, past, 1);
            if failed != 0 {
                return Err(WhisperError::GenericError(failed));
            }
            let logits = sys::whisper_get_logits_from_state(state);
            if logits.is_null() {
                return Err(WhisperError::NullPointer);
            }
            let last = logits.add(before * self.n_vocab);
            row.clear();
            row.extend_from_slice(std::slice::from_raw_parts(last, self.n_vocab));
        }
        Ok(())
    }
}
