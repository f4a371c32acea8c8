/* client.c - one client with one kept-alive connection, who posts bodies one after another and
 * measures each exchange. It does as little as a client can, so that what is measured is the
 * server.
 *
 * client PORT PATH BODIES REQUESTS SECONDS - BODIES is a file, a body a line, posted in turn. Ends
 * after that many requests or seconds, whichever comes first, but not before the first response.
 * Prints "requests N failed N median_us T". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE     ((size_t)256 * 1024)
#define REQUESTS_MAX    1000000
#define TIMEOUT_SECONDS 120 /* for the socket to move at all */

struct client {
    int socket;
    size_t begin; /* buffer[begin..end-1] has been received and not looked at */
    size_t end;
    char buffer[BUFFER_SIZE + 1]; /* NUL-terminated at end */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int connect_to(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    return connection;
}

static bool send_request(int connection, const char *path, const char *body, size_t length)
{
    char head[256];
    int head_length =
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 path, length);
    struct iovec pieces[2] = {{head, (size_t)head_length}, {(char *)body, length}};
    while (pieces[0].iov_len + pieces[1].iov_len > 0) {
        ssize_t sent = writev(connection, pieces, 2);
        if (sent < 0) return false;
        for (int i = 0; i < 2; i++) {
            size_t part = (size_t)sent < pieces[i].iov_len ? (size_t)sent : pieces[i].iov_len;
            pieces[i].iov_base = (char *)pieces[i].iov_base + part;
            pieces[i].iov_len -= part;
            sent -= (ssize_t)part;
        }
    }
    return true;
}

/* Receives more behind what there is. */
static bool receive(struct client *client)
{
    if (client->begin == client->end) client->begin = client->end = 0;
    if (client->end == BUFFER_SIZE) {
        memmove(client->buffer, client->buffer + client->begin, client->end - client->begin);
        client->end -= client->begin;
        client->begin = 0;
    }
    ssize_t received =
        recv(client->socket, client->buffer + client->end, BUFFER_SIZE - client->end, 0);
    if (received <= 0) return false;
    client->end += (size_t)received;
    client->buffer[client->end] = '\0';
    return true;
}

/* Receives up to and with mark; returns where the text before it begins, or NULL. */
static char *receive_until(struct client *client, const char *mark)
{
    char *found;
    while ((found = strstr(client->buffer + client->begin, mark)) == NULL) {
        if (client->end - client->begin == BUFFER_SIZE || !receive(client)) return NULL;
    }
    char *text = client->buffer + client->begin;
    *found = '\0';
    client->begin = (size_t)(found - client->buffer) + strlen(mark);
    return text;
}

static bool skip(struct client *client, size_t length)
{
    for (;;) {
        size_t there = client->end - client->begin;
        size_t part = length < there ? length : there;
        client->begin += part;
        length -= part;
        if (length == 0) return true;
        if (!receive(client)) return false;
    }
}

static bool skip_chunks(struct client *client)
{
    for (;;) {
        const char *line = receive_until(client, "\r\n");
        if (line == NULL) return false;
        size_t size = strtoul(line, NULL, 16);
        if (!skip(client, size + 2)) return false;
        if (size == 0) return true;
    }
}

static bool receive_response(struct client *client)
{
    const char *head = receive_until(client, "\r\n\r\n");
    if (head == NULL) return false;
    bool is_ok = strncmp(head, "HTTP/1.1 200", 12) == 0;
    const char *length = strcasestr(head, "\r\ncontent-length:");
    if (length != NULL) return skip(client, strtoul(strchr(length, ':') + 1, NULL, 10)) && is_ok;
    return strcasestr(head, "\r\ntransfer-encoding: chunked") != NULL && skip_chunks(client) &&
           is_ok;
}

static const char *map(const char *path, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) return NULL;
    *size = (size_t)status.st_size;
    char *text = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    return text != MAP_FAILED ? text : NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct client client;
    static double times[REQUESTS_MAX];
    size_t size;
    if (argc != 6) {
        fprintf(stderr, "usage: client PORT PATH BODIES REQUESTS SECONDS\n");
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    const char *bodies = map(argv[3], &size);
    client.socket = connect_to(argv[1]);
    if (bodies == NULL || client.socket < 0) {
        perror("client");
        return EXIT_FAILURE;
    }

    long limit = atol(argv[4]) < REQUESTS_MAX ? atol(argv[4]) : REQUESTS_MAX;
    double end = now() + atof(argv[5]);
    const char *body = bodies;
    size_t count = 0;
    size_t failed = 0;
    do {
        size_t length =
            (size_t)((const char *)memchr(body, '\n', size - (size_t)(body - bodies)) - body);
        double start = now();
        if (!send_request(client.socket, argv[2], body, length) || !receive_response(&client))
            failed++;
        times[count++] = now() - start;
        body = body + length + 1 < bodies + size ? body + length + 1 : bodies;
    } while (failed == 0 && (long)count < limit && now() < end);

    qsort(times, count, sizeof times[0], by_value);
    printf("requests %zu failed %zu median_us %.3f\n", count, failed, 1e6 * times[count / 2]);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
