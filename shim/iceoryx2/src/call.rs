//! Calls: one request of bytes, one answer of bytes.

use crate::node::RsxNode;
use crate::{attempt, free, give, service, Service};
use core::ffi::{c_char, c_int, c_void};
use core::time::Duration;
use iceoryx2::port::{client::Client, server::Server};
use iceoryx2::prelude::*;
use std::time::Instant;

pub struct RsxServer {
    port: Server<Service, [u8], (), [u8], ()>,
    answer: Vec<u8>,
}
pub struct RsxClient(Client<Service, [u8], (), [u8], ()>);

const TIMED_OUT: i64 = -3;
const TOO_LONG: i64 = -4;
const SLICE_AT_FIRST: usize = 256;

#[no_mangle]
pub unsafe extern "C" fn rsx_server_new(
    node: *const RsxNode,
    name: *const c_char,
    answer_max: usize,
    clients_max: usize,
    out: *mut *mut RsxServer,
) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name)
            .request_response::<[u8], [u8]>()
            .max_servers(1)
            .max_clients(clients_max)
            .create());
        let port = factory
            .server_builder()
            .initial_max_slice_len(SLICE_AT_FIRST)
            .allocation_strategy(AllocationStrategy::PowerOfTwo)
            .create();
        give(out, RsxServer { port: attempt!(port), answer: vec![0; answer_max] })
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_server_free(server: *mut RsxServer) {
    unsafe { free(server) }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_server_answer(
    server: *mut RsxServer,
    answer: extern "C" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> usize,
    context: *mut c_void,
) -> c_int {
    unsafe {
        let server = &mut *server;
        let Some(request) = attempt!(server.port.receive()) else { return 0 };
        let asked = request.payload();
        let room = server.answer.len();
        let bytes = answer(context, asked.as_ptr().cast(), asked.len(), server.answer.as_mut_ptr().cast(), room).min(room);
        let loan = attempt!(request.loan_slice_uninit(bytes));
        attempt!(loan.write_from_slice(&server.answer[..bytes]).send());
        1
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_client_new(node: *const RsxNode, name: *const c_char, out: *mut *mut RsxClient) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name).request_response::<[u8], [u8]>().open());
        let port = factory
            .client_builder()
            .initial_max_slice_len(SLICE_AT_FIRST)
            .allocation_strategy(AllocationStrategy::PowerOfTwo)
            .create();
        give(out, RsxClient(attempt!(port)))
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_client_free(client: *mut RsxClient) {
    unsafe { free(client) }
}

/// `sent` is called once the request is on its way: the place to ring the server's bell.
#[no_mangle]
pub unsafe extern "C" fn rsx_client_call(
    client: *const RsxClient,
    request: *const c_void,
    request_bytes: usize,
    answer: *mut c_void,
    answer_max: usize,
    timeout_ns: i64,
    sent: extern "C" fn(*mut c_void),
    context: *mut c_void,
) -> i64 {
    unsafe {
        let loan = attempt!((*client).0.loan_slice_uninit(request_bytes));
        let asked = core::slice::from_raw_parts(request as *const u8, request_bytes);
        let pending = attempt!(loan.write_from_slice(asked).send());
        sent(context);
        let until = Instant::now() + Duration::from_nanos(timeout_ns.max(0) as u64);
        let mut pause = Duration::from_micros(20);
        loop {
            if let Some(received) = attempt!(pending.receive()) {
                let bytes = received.payload();
                if bytes.len() > answer_max {
                    return TOO_LONG;
                }
                core::ptr::copy_nonoverlapping(bytes.as_ptr(), answer.cast(), bytes.len());
                return bytes.len() as i64;
            }
            if Instant::now() >= until {
                return TIMED_OUT;
            }
            std::thread::sleep(pause); // an answer has no bell; a call is no hot path
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }
}
