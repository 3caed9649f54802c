/* The C ABI of the iceoryx2 shim (src/): what resonant/ipc needs of the crate, and nothing else.
 *
 * 0 or a count on success, negative on failure; rsx_last_error() then has the words, until this thread's
 * next failure. A port (anything below but the node) belongs to one thread at a time. *_free takes NULL.
 * Creating makes a service and fails when it exists; opening fails when it does not. */
#ifndef RESONANT_ICEORYX2_SHIM_H
#define RESONANT_ICEORYX2_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RsxNode RsxNode;
typedef struct RsxPublisher RsxPublisher;
typedef struct RsxSubscriber RsxSubscriber;
typedef struct RsxSample RsxSample;
typedef struct RsxNotifier RsxNotifier;
typedef struct RsxListener RsxListener;
typedef struct RsxServer RsxServer;
typedef struct RsxClient RsxClient;

typedef struct RsxHeader { /* beside each sample; type name "ResonantSample" */
    uint64_t bytes;
    uint64_t position;
    uint64_t kind;
} RsxHeader;

typedef struct RsxTopic {
    size_t bytes_max;
    size_t history; /* samples that who comes late still gets */
    size_t buffer;  /* samples that wait for a slow subscriber; then the oldest is lost */
    size_t subscribers_max;
} RsxTopic;

const char* rsx_last_error(void);

int rsx_node_new(const char* name, const char* root, const char* prefix, RsxNode** out);
void rsx_node_free(RsxNode* node);
/* Removes what dead processes left; returns of how many. */
int64_t rsx_node_reap(const RsxNode* node, uint64_t* failures);

int rsx_publisher_new(const RsxNode* node, const char* name, const RsxTopic* topic, RsxPublisher** out); /* creates */
void rsx_publisher_free(RsxPublisher* publisher);
/* One loan at a time: a second one gives the first back. Memory is 64-byte aligned. */
int rsx_publisher_loan(RsxPublisher* publisher, size_t bytes, void** memory);
int rsx_publisher_send(RsxPublisher* publisher, uint64_t position, uint64_t kind);
int rsx_publisher_update(const RsxPublisher* publisher); /* gives new subscribers the topic's history */

int rsx_subscriber_new(const RsxNode* node, const char* name, RsxSubscriber** out); /* opens */
void rsx_subscriber_free(RsxSubscriber* subscriber);
/* 1 and a sample that stays as it is until it is freed, or 0. At most 2 samples are held at a time. */
int rsx_subscriber_receive(const RsxSubscriber* subscriber, RsxSample** sample, const void** memory,
                           RsxHeader* header);
void rsx_sample_free(RsxSample* sample);

int rsx_event_new(const RsxNode* node, const char* name, RsxNotifier** out);    /* creates */
int rsx_notifier_new(const RsxNode* node, const char* name, RsxNotifier** out); /* opens */
void rsx_notifier_free(RsxNotifier* notifier);
int rsx_notify(const RsxNotifier* notifier, uint64_t id); /* ids 0..63; returns how many listeners */
int rsx_listener_new(const RsxNode* node, const char* name, RsxListener** out); /* opens */
void rsx_listener_free(RsxListener* listener);
int rsx_listener_fd(const RsxListener* listener);
/* Calls each(context, id, count) once an id that was notified; returns how many ids. */
int rsx_listener_wait(const RsxListener* listener, int64_t timeout_ns, void (*each)(void*, uint64_t, uint64_t),
                      void* context);

int rsx_server_new(const RsxNode* node, const char* name, size_t answer_max, size_t clients_max,
                   RsxServer** out); /* creates */
void rsx_server_free(RsxServer* server);
/* Answers one waiting request, if there is one: answer() fills `to` and returns how many bytes. */
int rsx_server_answer(RsxServer* server,
                      size_t (*answer)(void* context, const void* asked, size_t bytes, void* to, size_t room),
                      void* context);
int rsx_client_new(const RsxNode* node, const char* name, RsxClient** out); /* opens */
void rsx_client_free(RsxClient* client);
/* The answer's length; -3: none came in time; -4: it is longer than answer_max. */
int64_t rsx_client_call(const RsxClient* client, const void* request, size_t request_bytes, void* answer,
                        size_t answer_max, int64_t timeout_ns, void (*sent)(void* context), void* context);

#ifdef __cplusplus
}
#endif

#endif
