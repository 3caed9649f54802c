//! A thin C ABI over the crate iceoryx2: nodes, topics of byte samples, events and calls, as
//! resonant/ipc wants them (shim.h says what each function does). No policy lives here.
//!
//! Every function returns 0 or a count, and a negative number on failure; the words of a thread's last
//! failure are kept for rsx_last_error(). Handles are boxes that the caller frees with the matching
//! rsx_*_free. A port belongs to one thread at a time.
#![allow(clippy::missing_safety_doc)] // shim.h is where callers read

mod call;
mod event;
mod node;
mod topic;

use core::ffi::{c_char, c_int};
use std::cell::RefCell;
use std::ffi::{CStr, CString};

pub(crate) type Service = iceoryx2::prelude::ipc::Service;

thread_local! { static LAST_ERROR: RefCell<CString> = RefCell::default(); }

pub(crate) fn failed<E: core::fmt::Debug>(error: E) -> c_int {
    let words = CString::new(format!("{error:?}")).unwrap_or_default();
    LAST_ERROR.with(|last| *last.borrow_mut() = words);
    -1
}

/// The value, or the caller's answer is -1 and the error is kept.
macro_rules! attempt {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return crate::failed(error).into(),
        }
    };
}
pub(crate) use attempt;

/// The builder of the service named by a C string.
macro_rules! service {
    ($node:expr, $name:expr) => {
        (*$node).0.service_builder(&attempt!(ServiceName::new(crate::text($name))))
    };
}
pub(crate) use service;

pub(crate) unsafe fn text<'a>(words: *const c_char) -> &'a str {
    unsafe { CStr::from_ptr(words) }.to_str().unwrap_or("")
}

pub(crate) unsafe fn give<T>(out: *mut *mut T, value: T) -> c_int {
    unsafe { *out = Box::into_raw(Box::new(value)) };
    0
}

pub(crate) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        drop(unsafe { Box::from_raw(handle) });
    }
}

#[no_mangle]
pub extern "C" fn rsx_last_error() -> *const c_char {
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}
