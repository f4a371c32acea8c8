/* test_log.c - lines as they reach standard error. */
#include "base/log.h"

#include "support/caught.h"
#include "support/cmocka_all.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text != '\0'; text++) lines += *text == '\n';
    return lines;
}

static const struct log_request hostile = {.peer = "127.0.0.1:5",
                                           .method = "GE\"T",
                                           .path = "/a\nb\" \\ \x01 \xC3\xA9 forged=1",
                                           .trace_id = "0af7651916cd43dd8448eb211c80319c",
                                           .status = 404,
                                           .bytes_received = 1,
                                           .bytes_decoded = 9,
                                           .bytes_sent = 2,
                                           .elements = 3,
                                           .nanoseconds = 1234567};

static void a_text_line_has_its_time_and_its_message(void **state)
{
    int year;
    int milliseconds;
    (void)state;
    caught_begin();
    log_line("listening on %s", "127.0.0.1:8080");
    const char *text = caught_end();
    assert_int_equal(count_lines(text), 1);
    assert_int_equal(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ ", &year, &milliseconds), 2);
    assert_non_null(strstr(text, "Z listening on 127.0.0.1:8080\n"));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    char message[5000];
    (void)state;
    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    caught_begin();
    log_line("%s", message);
    const char *text = caught_end();
    assert_int_equal(count_lines(text), 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void a_client_cannot_forge_a_line_of_text(void **state)
{
    (void)state;
    caught_begin();
    log_request(&hostile);
    const char *text = caught_end();
    assert_int_equal(count_lines(text), 1);
    assert_non_null(strstr(
        text,
        " 127.0.0.1:5 \"GE%22T /a%0Ab%22%20%5C%20%01%20%C3%A9%20forged=1\" 404 in=1 decoded=9 "
        "out=2 elements=3 ms=1.234 trace=0af7651916cd43dd8448eb211c80319c\n"));
}

static void a_json_line_is_one_object(void **state)
{
    (void)state;
    log_set_format(LOG_JSON);
    caught_begin();
    log_line("say \"%s\"\n", "\x01");
    const char *text = caught_end();
    assert_int_equal(count_lines(text), 1);
    cJSON *object = cJSON_Parse(text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "message")),
                        "say \"\x01\"\n");
    assert_non_null(cJSON_GetObjectItem(object, "time"));
    cJSON_Delete(object);

    caught_begin();
    log_request(&hostile);
    text = caught_end();
    log_set_format(LOG_TEXT);
    assert_int_equal(count_lines(text), 1);
    object = cJSON_Parse(text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "path")),
                        "/a%0Ab%22%20%5C%20%01%20%C3%A9%20forged=1");
    assert_int_equal(cJSON_GetObjectItem(object, "status")->valueint, 404);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "trace_id")),
                        hostile.trace_id);
    cJSON_Delete(object);
}

static void what_happens_often_is_logged_once(void **state)
{
    static struct log_limit limit;
    (void)state;
    caught_begin();
    for (int i = 0; i < 1000; i++) log_line_limited(&limit, "again");
    /* A second may pass while this runs, hardly two. */
    assert_in_range(count_lines(caught_end()), 1, 3);
    assert_true(atomic_load(&limit.untold) > 0);
    atomic_store(&limit.next, 0);
    caught_begin();
    log_line_limited(&limit, "again");
    assert_non_null(strstr(caught_end(), "again (and "));
    assert_int_equal(atomic_load(&limit.untold), 0);
}

/* Reads what is in the pipe, and returns how many lines that is. */
static int drain(int pipe_end, char *text, size_t size)
{
    ssize_t length = read(pipe_end, text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    return count_lines(text);
}

static void lines_that_are_not_read_are_lost_and_counted(void **state)
{
    enum { LINES = 500 };
    char text[16384];
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 8192) > 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0); /* it would wait */
    int kept = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    for (int i = 0; i < LINES; i++) log_request(&hostile);
    int taken = drain(ends[0], text, sizeof text);
    log_line("read again");
    int more = drain(ends[0], text, sizeof text);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[0]);
    close(ends[1]);

    assert_in_range(taken, 1, LINES - 1);
    assert_int_equal(more, 2);
    unsigned lost;
    assert_int_equal(
        sscanf(strchr(text, ' '), " lines lost, since standard error did not take them: %u", &lost),
        1);
    assert_int_equal(taken + (int)lost, LINES);
    assert_non_null(strstr(text, " read again\n"));
}

static void lost_lines_are_counted_in_json_too(void **state)
{
    (void)state;
    caught_begin();
    int kept = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_line("into nothing");
    dup2(kept, STDERR_FILENO);
    close(kept);
    log_set_format(LOG_JSON);
    log_line("and on");
    log_set_format(LOG_TEXT);
    const char *text = caught_end();
    assert_int_equal(count_lines(text), 2);
    cJSON *object = cJSON_Parse(text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "message")),
                        "lines lost, since standard error did not take them: 1");
    assert_non_null(cJSON_GetObjectItem(object, "time"));
    cJSON_Delete(object);
}

static void a_closed_standard_error_is_harmless(void **state)
{
    (void)state;
    caught_begin();
    int kept = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_line("into nothing");
    dup2(kept, STDERR_FILENO);
    close(kept);
    log_line("and on");
    const char *text = caught_end();
    assert_int_equal(count_lines(text), 2);
    assert_non_null(strstr(text, " lines lost, since standard error did not take them: 1\n"));
    assert_non_null(strstr(text, " and on\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_its_time_and_its_message),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(a_client_cannot_forge_a_line_of_text),
        cmocka_unit_test(a_json_line_is_one_object),
        cmocka_unit_test(what_happens_often_is_logged_once),
        cmocka_unit_test(lines_that_are_not_read_are_lost_and_counted),
        cmocka_unit_test(lost_lines_are_counted_in_json_too),
        cmocka_unit_test(a_closed_standard_error_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
