/* transport.c - the transport alone: libmicrohttpd as the service runs it; the body is discarded,
 * the answer is ready.
 *
 * transport PORT THREADS FILE ... - POST /mse/0 is answered with the first file, /mse/1 with the
 * second, and so on. */
#include "peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define FILES_MAX 16
#define PREFIX    "/mse/"

static struct MHD_Response *answers[FILES_MAX];
static size_t answer_count;

static struct MHD_Response *ready(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) return NULL;
    size_t size = (size_t)status.st_size;
    void *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (text == MAP_FAILED) return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, text, MHD_RESPMEM_PERSISTENT);
    if (response != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    return response;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **begun)
{
    (void)context;
    (void)method;
    (void)version;
    (void)bytes;
    if (*begun == NULL) {
        *begun = answers;
        return MHD_YES;
    }
    if (*length > 0) {
        *length = 0;
        return MHD_YES;
    }
    size_t index = strncmp(path, PREFIX, strlen(PREFIX)) == 0
                       ? strtoul(path + strlen(PREFIX), NULL, 10)
                       : answer_count;
    return index < answer_count ? MHD_queue_response(connection, MHD_HTTP_OK, answers[index])
                                : MHD_NO;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 3 + FILES_MAX) {
        fprintf(stderr, "usage: transport PORT THREADS FILE ...\n");
        return EXIT_FAILURE;
    }
    for (int i = 3; i < argc; i++) {
        answers[answer_count] = ready(argv[i]);
        if (answers[answer_count++] == NULL) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
    }
    return peer_serve(argv[1], argv[2], handle, NULL, NULL);
}
