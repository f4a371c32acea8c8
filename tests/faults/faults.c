/* faults.c - a library that, preloaded, lets every n-th call of a kind fail in the server under test.
 *
 * $FAULTS names the kind and n: "memory 7", "accept 3", "send 5". Faults begin with the first connection, since a
 * server that cannot start is another matter. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static atomic_bool has_begun;
static atomic_uint calls;
static unsigned every; /* 0: not known yet */
static char kind[16];

__attribute__((constructor)) static void read_kind(void)
{
    const char *faults = getenv("FAULTS");
    if (faults == NULL || sscanf(faults, "%15s %u", kind, &every) != 2) abort();
}

static bool fails(const char *call)
{
    return atomic_load(&has_begun) && strcmp(call, kind) == 0 && atomic_fetch_add(&calls, 1) % every == every - 1;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
    return fails("memory") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails("memory") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return fails("memory") ? NULL : __libc_realloc(block, size);
}

int accept4(int listener, __SOCKADDR_ARG peer, socklen_t *restrict length, int flags)
{
    int (*original)(int, __SOCKADDR_ARG, socklen_t *, int);
    *(void **)&original = dlsym(RTLD_NEXT, "accept4");
    if (fails("accept")) {
        errno = EMFILE;
        return -1;
    }
    int socket = original(listener, peer, length, flags);
    if (socket >= 0) atomic_store(&has_begun, true);
    return socket;
}

ssize_t send(int socket, const void *bytes, size_t length, int flags)
{
    ssize_t (*original)(int, const void *, size_t, int);
    *(void **)&original = dlsym(RTLD_NEXT, "send");
    if (fails("send")) {
        errno = ECONNRESET;
        return -1;
    }
    return original(socket, bytes, length, flags);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
{
    ssize_t (*original)(int, const struct msghdr *, int);
    *(void **)&original = dlsym(RTLD_NEXT, "sendmsg");
    if (fails("send")) {
        errno = ECONNRESET;
        return -1;
    }
    return original(socket, message, flags);
}
