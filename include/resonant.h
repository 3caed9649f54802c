/* Attach to a running kernel from C, or from anything that can call C: read the board, follow the
 * ring. Nothing here can write: the segments are sealed, their mappings are read-only in the page
 * table, and no function of this header takes a value to store.
 *
 * Threads: a resonant_plane belongs to one thread at a time. Link with libresonant_client.
 *
 * Errors: functions that can fail return 0 or NULL and leave words for people in `error`, which may be
 * NULL. When the kernel has ended, what is mapped stays readable and stands still, and resonant_wait
 * answers -1: call resonant_attach_again until it answers 1. A sequence is (epoch, position): positions
 * start anew with the next epoch.
 */
#ifndef RESONANT_H
#define RESONANT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct resonant_plane resonant_plane;

/* An event as docs/formats/ring.md lists it. */
typedef struct resonant_event {
    uint64_t position;
    uint16_t type;
    uint8_t lane; /* 0 fast, 1 medium, 2 slow */
    uint32_t source;
    float confidence;
    uint32_t tool; /* number + 1, 0 for none */
    int64_t at_ns; /* since 1970 */
    uint64_t data[4];
    char name[48]; /* of custom events, zero-terminated */
} resonant_event;

/* Attaches through `socket_path`, which is HOME/plane.sock (the process may give up its user and its rights
 * afterwards), or for another user the address that `resonant agent address` prints. NULL when no kernel listens or it
 * refuses. */
resonant_plane* resonant_attach(const char* socket_path, char* error, size_t error_bytes);
void resonant_detach(resonant_plane* plane);
/* Maps what the kernel of now shares. 1: attached, at the first event when resonant_epoch has changed; 0: no
 * kernel listens yet, or this user may not ask it; nothing has changed. */
int resonant_attach_again(resonant_plane* plane);

/* Which kernel's life this is. */
uint64_t resonant_epoch(const resonant_plane* plane);

/* One field by name, such as "harmony.reliability" or "error_rate"; user fields by their name,
 * such as "user.queue_depth", or by "user.N", N from 0 to 63. One load, never torn. 0 when there is no such field. */
int resonant_field(const resonant_plane* plane, const char* name, double* value);
/* The seven harmony fields whole, in the order of docs/formats/board.md. */
void resonant_harmony(const resonant_plane* plane, double target[7]);
/* The mapped page of 4096 bytes, for those who read it by docs/formats/board.md. */
const void* resonant_board_page(const resonant_plane* plane);

/* The next event. 1: `target` holds it; 0: none yet. Never waits. */
int resonant_poll(resonant_plane* plane, resonant_event* target);
/* Sleeps until there is something to poll. 1: there may be; 0: the time is over; -1: the kernel has
 * ended. Costs nothing while asleep; a wake takes some 20 us. */
int resonant_wait(resonant_plane* plane, int64_t timeout_ns);
/* Events that were overwritten before this reader came, exactly; of all kernels it was attached to. */
uint64_t resonant_lost(const resonant_plane* plane);
/* The position of the next event. */
uint64_t resonant_position(const resonant_plane* plane);
/* "tool_completed"; "none" for numbers this version does not know. */
const char* resonant_event_name(uint16_t type);

#ifdef __cplusplus
}
#endif

#endif
