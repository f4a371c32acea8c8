/* service.c - the server under test: found or started, and stopped. Knows nothing of requests. */
#include "support/service.h"

#include "support/cmocka_all.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32

static const char *binary(void)
{
    const char *path = getenv("MSE_SERVER");
    if (!path) fail_msg("MSE_SERVER must name the server's binary");
    return path;
}

/* Starts the binary with arguments; its output goes to the descriptors out and error. Where error
 * is -1 it has neither input nor output. */
static pid_t start(const char *const *arguments, int out, int error)
{
    const char *argv[ARGUMENTS_MAX] = {binary()};
    for (size_t i = 0; arguments[i]; i++) {
        assert_true(i + 2 < ARGUMENTS_MAX);
        argv[i + 1] = arguments[i];
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves no server behind */
    if (getppid() != parent) _exit(127);
    if (error >= 0) {
        dup2(out, STDOUT_FILENO);
        dup2(error, STDERR_FILENO);
    } else {
        for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) close(descriptor);
    }
    execv(argv[0], (char *const *)(void *)argv);
    _exit(127);
}

static void set_address(struct service *service, const char *address)
{
    const char *colon = strrchr(address, ':');
    if (!colon) fail_msg("no port in \"%s\"", address);
    const char *host = address;
    const char *end = colon;
    if (*host == '[') host++, end--;
    snprintf(service->host, sizeof service->host, "%.*s", (int)(end - host), host);
    snprintf(service->port, sizeof service->port, "%d", atoi(colon + 1));
    snprintf(service->url, sizeof service->url, "http://%s", address);
}

/* The next line of the log, cut where it is longer. false: the log has ended. */
static bool read_line(const struct service *service, char *line, size_t size)
{
    size_t length = 0;
    ssize_t more = 1;
    while (length < size - 1 && (more = read(service->log, line + length, 1)) == 1 &&
           line[length] != '\n')
        length++;
    line[length] = '\0';
    return length == size - 1 || more == 1;
}

void service_start(struct service *service, const char *const *options)
{
    const char *arguments[ARGUMENTS_MAX] = {"--listen", "127.0.0.1:0"};
    for (size_t i = 0; options && options[i]; i++) {
        assert_true(i + 3 < ARGUMENTS_MAX);
        arguments[i + 2] = options[i];
    }
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *service = (struct service){.pid = start(arguments, ends[1], ends[1]), .log = ends[0]};
    close(ends[1]);

    char line[512];
    read_line(service, line, sizeof line);
    char address[100];
    const char *listening = strstr(line, "listening on ");
    if (!listening || sscanf(listening, "listening on %99[^, ]", address) != 1) {
        kill(service->pid, SIGKILL);
        fail_msg("the server did not start: \"%s\", exit status %d", line, service_wait(service));
    }
    set_address(service, address);
}

/* A port of 127.0.0.1 that is free now, as an address. */
static void find_free(char *address, size_t size)
{
    struct sockaddr_in free = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof free;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&free, length), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&free, &length), 0);
    close(probe);
    snprintf(address, size, "127.0.0.1:%d", ntohs(free.sin_port));
}

void service_start_closed(struct service *service)
{
    char address[32];
    find_free(address, sizeof address);
    const char *arguments[] = {"--access-log", "--listen", address, NULL};
    *service = (struct service){.pid = start(arguments, -1, -1), .log = -1};
    set_address(service, address);
}

void service_open(struct service *service)
{
    const char *url = getenv("MSE_URL");
    if (!url) {
        service_start(service, NULL);
        return;
    }
    if (strncmp(url, "http://", 7) != 0) fail_msg("MSE_URL must be http://HOST:PORT");
    *service = (struct service){.log = -1};
    set_address(service, url + 7);
}

int service_wait(struct service *service)
{
    char rest[1 << 16];
    size_t length = 0;
    ssize_t more;
    int status;

    /* Read to its end first: a server with much to say must not wait for us. */
    while (length < sizeof rest &&
           (more = read(service->log, rest + length, sizeof rest - length)) > 0)
        length += (size_t)more;
    close(service->log);
    assert_int_equal(waitpid(service->pid, &status, 0), service->pid);
    service->pid = 0;
    if (status != 0) print_message("%.*s", (int)length, rest);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void service_await_line(const struct service *service, const char *text)
{
    char line[512];
    do {
        if (!read_line(service, line, sizeof line)) fail_msg("the log ends without \"%s\"", text);
    } while (!strstr(line, text));
}

void service_signal(const struct service *service, int signal)
{
    assert_true(service->pid > 0);
    assert_int_equal(kill(service->pid, signal), 0);
}

void service_close(struct service *service)
{
    if (service->pid == 0) return;
    service_signal(service, SIGTERM);
    assert_int_equal(service_wait(service), 0);
}

bool service_is_sanitized(void)
{
    struct stat status;
    int descriptor = open(binary(), O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(fstat(descriptor, &status), 0);
    size_t size = (size_t)status.st_size;
    void *image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    assert_true(image != MAP_FAILED);
    bool sanitized =
        memmem(image, size, "__asan_init", 11) || memmem(image, size, "__tsan_init", 11);
    munmap(image, size);
    close(descriptor);
    return sanitized;
}

static int output_file(void)
{
    int descriptor = memfd_create("output", MFD_CLOEXEC);
    assert_true(descriptor >= 0);
    return descriptor;
}

static void read_output(int descriptor, char *text, size_t size)
{
    ssize_t length = pread(descriptor, text, size - 1, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    close(descriptor);
}

int service_run(const char *const *arguments, char *out, char *error, size_t size)
{
    int out_file = output_file();
    int error_file = output_file();
    pid_t pid = start(arguments, out_file, error_file);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_output(out_file, out, size);
    read_output(error_file, error, size);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
