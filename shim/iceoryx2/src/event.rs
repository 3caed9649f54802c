//! Events: ids from 0 to 63, counted. A listener has a descriptor for poll(2).

use crate::node::RsxNode;
use crate::{attempt, free, give, service, Service};
use core::ffi::{c_char, c_int, c_void};
use core::time::Duration;
use iceoryx2::port::{listener::Listener, notifier::Notifier};
use iceoryx2::prelude::*;

pub struct RsxNotifier(Notifier<Service>);
pub struct RsxListener(Listener<Service>);

const ID_MAX: usize = 63;

#[no_mangle]
pub unsafe extern "C" fn rsx_event_new(node: *const RsxNode, name: *const c_char, out: *mut *mut RsxNotifier) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name).event().event_id_max_value(ID_MAX).create());
        give(out, RsxNotifier(attempt!(factory.notifier_builder().create())))
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_notifier_new(node: *const RsxNode, name: *const c_char, out: *mut *mut RsxNotifier) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name).event().open());
        give(out, RsxNotifier(attempt!(factory.notifier_builder().create())))
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_notifier_free(notifier: *mut RsxNotifier) {
    unsafe { free(notifier) }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_notify(notifier: *const RsxNotifier, id: u64) -> c_int {
    unsafe { attempt!((*notifier).0.notify_with_custom_event_id(EventId::new(id as usize))) as c_int }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_listener_new(node: *const RsxNode, name: *const c_char, out: *mut *mut RsxListener) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name).event().open());
        give(out, RsxListener(attempt!(factory.listener_builder().create())))
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_listener_free(listener: *mut RsxListener) {
    unsafe { free(listener) }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_listener_fd(listener: *const RsxListener) -> c_int {
    unsafe { (*listener).0.file_descriptor().native_handle() }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_listener_wait(
    listener: *const RsxListener,
    timeout_ns: i64,
    each: extern "C" fn(*mut c_void, u64, u64),
    context: *mut c_void,
) -> c_int {
    unsafe {
        let mut ids = 0;
        let note = |event: EventActivation| {
            ids += 1;
            each(context, event.id.as_value() as u64, event.count as u64);
        };
        if timeout_ns <= 0 {
            attempt!((*listener).0.try_wait(note));
        } else {
            attempt!((*listener).0.timed_wait(note, Duration::from_nanos(timeout_ns as u64)));
        }
        ids
    }
}
