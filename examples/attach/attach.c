/* Attaches to a kernel, gives up its user when told to, reads the board, tries to write it, and follows
 * the ring.
 *
 *     attach_c HOME/plane.sock EVENTS [UID]
 *
 * Exit 0 when it has read EVENTS events and every attempt to write was refused. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "include/resonant.h"

/* Tries to write through the mapping and through every descriptor there is; how many succeeded. */
static int writes_that_succeeded(const void* page) {
    int succeeded = mprotect((void*)page, 4096, PROT_READ | PROT_WRITE) == 0;
    for (int fd = 3; fd < 64; ++fd) {
        char link[64];
        char target[128] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof target - 1) < 0 || strstr(target, "memfd:resonant") == NULL) {
            continue;
        }
        /* Root may open it again; the seal still refuses every byte. */
        const int again = open(link, O_RDWR);
        succeeded += again >= 0 && pwrite(again, "x", 1, 0) == 1;
        succeeded += again >= 0 && mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) != MAP_FAILED;
        succeeded += mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
        succeeded += pwrite(fd, "x", 1, 0) == 1;
        succeeded += ftruncate(fd, 0) == 0;
    }
    return succeeded;
}

int main(int count, char** words) {
    char error[256];
    if (count < 3) {
        fprintf(stderr, "usage: attach_c HOME/plane.sock EVENTS [UID]\n");
        return 2;
    }
    resonant_plane* plane = resonant_attach(words[1], error, sizeof error);
    if (plane == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    const uid_t user = count > 3 ? (uid_t)atoi(words[3]) : getuid();
    if (count > 3 && (setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0)) {
        perror("give up the user");
        return 1;
    }
    double value = 0;
    resonant_field(plane, "error_rate", &value);
    printf("uid %d, epoch %llu, error_rate %.3f\n", (int)getuid(), (unsigned long long)resonant_epoch(plane), value);
    const int written = writes_that_succeeded(resonant_board_page(plane));
    printf("writes that succeeded: %d\n", written);
    fflush(stdout);
    int left = atoi(words[2]);
    while (left > 0 && resonant_wait(plane, 30000000000LL) >= 0) {
        resonant_event event;
        while (left > 0 && resonant_poll(plane, &event)) {
            printf("%llu %s %s\n", (unsigned long long)event.position, resonant_event_name(event.type), event.name);
            --left;
        }
    }
    printf("lost %llu\n", (unsigned long long)resonant_lost(plane));
    resonant_detach(plane);
    return left == 0 && written == 0 ? 0 : 1;
}
