/* faults.c - a library that, preloaded, lets every n-th call of a kind fail in the server under
 * test.
 *
 * $FAULTS names the kind and n: "memory 7", "accept 3", "send 5". Faults begin with the first
 * connection, since a server that cannot start is another matter. */
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
    return atomic_load(&has_begun) && strcmp(call, kind) == 0 &&
           atomic_fetch_add(&calls, 1) % every == every - 1;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
    return fails("memory") ? NULL : __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
    return fails("memory") ? NULL : __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
    return fails("memory") ? NULL : __libc_realloc(ptr, size);
}

int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict addr_len, int flags)
{
    int (*original)(int, __SOCKADDR_ARG, socklen_t *, int);
    *(void **)&original = dlsym(RTLD_NEXT, "accept4");
    if (fails("accept")) {
        errno = EMFILE;
        return -1;
    }
    int socket = original(fd, addr, addr_len, flags);
    if (socket >= 0) atomic_store(&has_begun, true);
    return socket;
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    ssize_t (*original)(int, const void *, size_t, int);
    *(void **)&original = dlsym(RTLD_NEXT, "send");
    if (fails("send")) {
        errno = ECONNRESET;
        return -1;
    }
    return original(fd, buf, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t (*original)(int, const struct msghdr *, int);
    *(void **)&original = dlsym(RTLD_NEXT, "sendmsg");
    if (fails("send")) {
        errno = ECONNRESET;
        return -1;
    }
    return original(fd, message, flags);
}
