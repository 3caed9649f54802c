//! Nodes: one a process and root. Configuration is always given here, so that no file of the host changes it.

use crate::{attempt, free, give, text, Service};
use core::ffi::{c_char, c_int};
use iceoryx2::prelude::*;

pub struct RsxNode(pub(crate) Node<Service>);

#[no_mangle]
pub unsafe extern "C" fn rsx_node_new(
    name: *const c_char,
    root: *const c_char,
    prefix: *const c_char,
    out: *mut *mut RsxNode,
) -> c_int {
    unsafe {
        set_log_level(LogLevel::Fatal); // errors are values here; nothing is written behind the caller's back
        let mut config = Config::default();
        config.global.set_root_path(&attempt!(Path::new(text(root).as_bytes())));
        config.global.prefix = attempt!(FileName::new(text(prefix).as_bytes()));
        let node = NodeBuilder::new()
            .name(&attempt!(NodeName::new(text(name))))
            .config(&config)
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .create::<Service>();
        give(out, RsxNode(attempt!(node)))
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_node_free(node: *mut RsxNode) {
    unsafe { free(node) }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_node_reap(node: *const RsxNode, failures: *mut u64) -> i64 {
    unsafe {
        let state = (*node).0.try_cleanup_dead_nodes();
        *failures = state.failed_cleanups as u64;
        state.cleanups as i64
    }
}
