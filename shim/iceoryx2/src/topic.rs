//! Topics: publish-subscribe over samples of bytes. A sample is a slice of 64-byte lines, because raising the
//! alignment of a byte slice multiplies the memory it reserves by that alignment; the true length is in the header.

use crate::node::RsxNode;
use crate::{attempt, free, give, service, Service};
use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::sample_mut_uninit::SampleMutUninit;

#[repr(C)]
#[derive(Debug, Clone, Copy, ZeroCopySend)]
#[type_name("ResonantLine")]
pub struct Line {
    pub words: [u64; 8],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, ZeroCopySend)]
#[type_name("ResonantSample")]
pub struct RsxHeader {
    pub bytes: u64,
    pub position: u64,
    pub kind: u64,
}

pub struct RsxPublisher {
    loan: Option<SampleMutUninit<Service, [MaybeUninit<Line>], RsxHeader>>,
    port: Publisher<Service, [Line], RsxHeader>,
}
pub struct RsxSubscriber(Subscriber<Service, [Line], RsxHeader>);
pub struct RsxSample(#[allow(dead_code)] Sample<Service, [Line], RsxHeader>); // held, not read

#[repr(C)]
pub struct RsxTopic {
    pub bytes_max: usize,
    pub history: usize,
    pub buffer: usize,
    pub subscribers_max: usize,
}

fn lines(bytes: usize) -> usize {
    bytes.div_ceil(size_of::<Line>()).max(1)
}

#[no_mangle]
pub unsafe extern "C" fn rsx_publisher_new(
    node: *const RsxNode,
    name: *const c_char,
    topic: *const RsxTopic,
    out: *mut *mut RsxPublisher,
) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name)
            .publish_subscribe::<[Line]>()
            .user_header::<RsxHeader>()
            .payload_alignment(attempt!(Alignment::new(size_of::<Line>()).ok_or("alignment")))
            .max_publishers(1)
            .max_subscribers((*topic).subscribers_max)
            .history_size((*topic).history)
            .subscriber_max_buffer_size((*topic).buffer)
            .subscriber_max_borrowed_samples(2)
            .enable_safe_overflow(true)
            .create());
        let port = factory
            .publisher_builder()
            .initial_max_slice_len(lines((*topic).bytes_max))
            .allocation_strategy(AllocationStrategy::Static)
            .max_loaned_samples(1)
            .create();
        give(out, RsxPublisher { loan: None, port: attempt!(port) })
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_publisher_free(publisher: *mut RsxPublisher) {
    unsafe { free(publisher) }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_publisher_loan(publisher: *mut RsxPublisher, bytes: usize, memory: *mut *mut c_void) -> c_int {
    unsafe {
        let publisher = &mut *publisher;
        publisher.loan = None;
        let mut loan = attempt!(publisher.port.loan_slice_uninit(lines(bytes)));
        loan.user_header_mut().bytes = bytes as u64;
        *memory = loan.payload_mut().as_mut_ptr().cast();
        publisher.loan = Some(loan);
        0
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_publisher_send(publisher: *mut RsxPublisher, position: u64, kind: u64) -> c_int {
    unsafe {
        let mut loan = attempt!((*publisher).loan.take().ok_or("nothing is loaned"));
        let header = loan.user_header_mut();
        header.position = position;
        header.kind = kind;
        attempt!(loan.assume_init().send()) as c_int
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_subscriber_new(
    node: *const RsxNode,
    name: *const c_char,
    out: *mut *mut RsxSubscriber,
) -> c_int {
    unsafe {
        let factory = attempt!(service!(node, name).publish_subscribe::<[Line]>().user_header::<RsxHeader>().open());
        give(out, RsxSubscriber(attempt!(factory.subscriber_builder().create())))
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_subscriber_free(subscriber: *mut RsxSubscriber) {
    unsafe { free(subscriber) }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_subscriber_receive(
    subscriber: *const RsxSubscriber,
    sample: *mut *mut RsxSample,
    memory: *mut *const c_void,
    header: *mut RsxHeader,
) -> c_int {
    unsafe {
        let Some(received) = attempt!((*subscriber).0.receive()) else { return 0 };
        let lines = received.payload();
        *memory = lines.as_ptr().cast();
        *header = *received.user_header();
        (*header).bytes = (*header).bytes.min(size_of_val(lines) as u64);
        give(sample, RsxSample(received));
        1
    }
}

#[no_mangle]
pub unsafe extern "C" fn rsx_sample_free(sample: *mut RsxSample) {
    unsafe { free(sample) }
}

/// Gives new subscribers the topic's history.
#[no_mangle]
pub unsafe extern "C" fn rsx_publisher_update(publisher: *const RsxPublisher) -> c_int {
    unsafe {
        attempt!((*publisher).port.update_connections());
        0
    }
}
