/* log.c - lines to standard error, as text or as JSON objects. Knows nothing of what they say. */
#include "base/log.h"

#include "base/clock.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static enum log_format chosen = LOG_TEXT;

void log_set_format(enum log_format format)
{
    chosen = format;
}

/* 2026-11-23T06:10:00.123Z */
static void write_time(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, size - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* Writes a line if that can be done without waiting: the reader of a pipe may have stopped. One
 * that polls writable takes PIPE_BUF bytes, more than a line has. */
static bool try_write(const char *line, size_t length)
{
    struct pollfd error = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&error, 1, 0) == 1 && (error.revents & POLLOUT) != 0 &&
           write(STDERR_FILENO, line, length) >= 0;
}

/* Without cJSON: it needs no escapes, and must not fail for want of memory. */
static bool tell_lost(unsigned lost)
{
    char time[40];
    char line[160];
    write_time(time, sizeof time);
    int length =
        snprintf(line, sizeof line,
                 chosen == LOG_JSON ? "{\"time\":\"%s\",\"message\":\"%s: %u\"}\n" : "%s %s: %u\n",
                 time, "lines lost, since standard error did not take them", lost);
    return try_write(line, (size_t)length);
}

/* A log is no place to fail or to wait: a line that standard error does not take at once is lost.
 * One thread at a time, so that none takes the room that another was promised. */
static void put(const char *line, size_t length)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static unsigned lost;
    pthread_mutex_lock(&mutex);
    if (lost > 0 && tell_lost(lost)) lost = 0;
    if (!try_write(line, length)) lost++;
    pthread_mutex_unlock(&mutex);
}

static void put_object(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text != NULL) {
        size_t length = strlen(text);
        text[length] = '\n'; /* in the place of the NUL: its length is known */
        put(text, length + 1);
    }
    free(text);
    cJSON_Delete(object);
}

static cJSON *new_object(void)
{
    char time[40];
    write_time(time, sizeof time);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "time", time);
    return object;
}

static void put_message(const char *message)
{
    if (chosen == LOG_JSON) {
        cJSON *object = new_object();
        cJSON_AddStringToObject(object, "message", message);
        put_object(object);
        return;
    }
    char time[40];
    char line[LINE_MAX_BYTES];
    write_time(time, sizeof time);
    int length = snprintf(line, sizeof line - 1, "%s %s", time, message);
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    line[length] = '\n';
    put(line, (size_t)length + 1);
}

void log_line(const char *format, ...)
{
    char message[LINE_MAX_BYTES - 64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    put_message(message);
}

void log_line_limited(struct log_limit *limit, const char *format, ...)
{
    char message[LINE_MAX_BYTES - 128];
    int64_t now = clock_milliseconds();
    int64_t next = atomic_load(&limit->next);
    if (now < next || !atomic_compare_exchange_strong(&limit->next, &next, now + 1000)) {
        atomic_fetch_add(&limit->untold, 1);
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    unsigned untold = atomic_exchange(&limit->untold, 0);
    if (untold == 0) {
        put_message(message);
    } else {
        log_line("%s (and %u more times)", message, untold);
    }
}

/* Copies text with all that could end a line, a field or a string written %XX. */
static const char *plain(const char *text, char *copy, size_t size)
{
    char *out = copy;
    for (const unsigned char *p = (const unsigned char *)text;
         *p != '\0' && (size_t)(out - copy) + 4 < size; p++) {
        if (*p > ' ' && *p < 0x7F && *p != '"' && *p != '\\') {
            *out++ = (char)*p;
        } else {
            out += snprintf(out, 4, "%%%02X", *p);
        }
    }
    *out = '\0';
    return copy;
}

void log_request(const struct log_request *request)
{
    char path[256];
    char method[32];
    plain(request->path, path, sizeof path);
    plain(request->method, method, sizeof method);
    uint64_t microseconds = request->nanoseconds / 1000;
    double milliseconds = (double)microseconds / 1000;

    if (chosen == LOG_TEXT) {
        log_line("%s \"%s %s\" %u in=%" PRIu64 " decoded=%" PRIu64 " out=%" PRIu64
                 " elements=%" PRIu64 " ms=%.3f trace=%s%s",
                 request->peer, method, path, request->status, request->bytes_received,
                 request->bytes_decoded, request->bytes_sent, request->elements, milliseconds,
                 request->trace_id[0] != '\0' ? request->trace_id : "-",
                 request->is_incomplete ? " incomplete" : "");
        return;
    }
    cJSON *object = new_object();
    cJSON_AddStringToObject(object, "peer", request->peer);
    cJSON_AddStringToObject(object, "method", method);
    cJSON_AddStringToObject(object, "path", path);
    cJSON_AddNumberToObject(object, "status", request->status);
    cJSON_AddNumberToObject(object, "bytes_received", (double)request->bytes_received);
    cJSON_AddNumberToObject(object, "bytes_decoded", (double)request->bytes_decoded);
    cJSON_AddNumberToObject(object, "bytes_sent", (double)request->bytes_sent);
    cJSON_AddNumberToObject(object, "elements", (double)request->elements);
    cJSON_AddNumberToObject(object, "milliseconds", milliseconds);
    if (request->trace_id[0] != '\0')
        cJSON_AddStringToObject(object, "trace_id", request->trace_id);
    if (request->is_incomplete) cJSON_AddTrueToObject(object, "incomplete");
    put_object(object);
}
