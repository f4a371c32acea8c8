/* test_tokens.c - a file of tokens -> who is let in. */
#include "base/tokens.h"

#include "support/caught.h"
#include "support/cmocka_all.h"
#include "support/folder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[FOLDER_PATH_MAX];
static char file[FOLDER_PATH_MAX + 8];

static int make_folder(void **state)
{
    (void)state;
    folder_make(folder);
    snprintf(file, sizeof file, "%s/tokens", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    folder_remove(folder);
    return 0;
}

static struct tokens *open_text(const char *text)
{
    folder_write_text(file, text);
    struct tokens *tokens = tokens_open(file);
    assert_non_null(tokens);
    return tokens;
}

static bool includes(struct tokens *tokens, const char *text)
{
    return tokens_include(tokens, text, strlen(text));
}

static void every_line_is_a_token_but_blanks_and_comments(void **state)
{
    (void)state;
    struct tokens *tokens =
        open_text("# of the training team\nfirst\n\n \t \n  second\t\r\n#third\n  # fourth\n"
                  "AZaz09-._~+/==\nlast");
    static const char *const right[] = {"first", "second", "AZaz09-._~+/==", "last"};
    for (size_t i = 0; i < COUNT(right); i++) assert_true(includes(tokens, right[i]));
    static const char *const wrong[] = {"",       "#",      "third",   "#third",   "firs",
                                        "first ", " first", "first\n", "second\r", "secondx",
                                        "FIRST",  "lasta",  "a",       "fourth"};
    for (size_t i = 0; i < COUNT(wrong); i++) assert_false(includes(tokens, wrong[i]));
    assert_false(tokens_include(tokens, "first\0", 6));
    tokens_close(tokens);
    tokens_close(NULL);
}

static void a_token_may_be_short_or_long(void **state)
{
    (void)state;
    char *text = malloc(100001);
    memset(text, 'a', 100000);
    text[100000] = '\0';
    struct tokens *tokens = open_text(text);
    assert_true(includes(tokens, text));
    assert_false(tokens_include(tokens, text, 99999));
    text[99999] = 'b';
    assert_false(includes(tokens, text));
    tokens_close(tokens);
    free(text);
    tokens = open_text("x\n");
    assert_true(includes(tokens, "x"));
    assert_false(includes(tokens, "y"));
    tokens_close(tokens);
}

static void each_of_many_tokens_is_found(void **state)
{
    (void)state;
    static char text[1 << 16];
    size_t length = 0;
    for (int i = 0; i < 3000; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "token-%d\n", i);
    struct tokens *tokens = open_text(text);
    for (int i = -1; i <= 3000; i++) {
        char token[32];
        snprintf(token, sizeof token, "token-%d", i);
        assert_int_equal(includes(tokens, token), i >= 0 && i < 3000);
    }
    tokens_close(tokens);
}

/* The log must have one line, with the file's name, what is wanted of it, and nothing of what is in
 * it. */
static void expect_refusal(const char *wanted)
{
    caught_begin();
    struct tokens *tokens = tokens_open(file);
    const char *said = caught_end();
    assert_null(tokens);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    assert_non_null(strstr(said, file));
    assert_non_null(strstr(said, "--token-file"));
    assert_null(strstr(said, "secret"));
    if (!strstr(said, wanted)) fail_msg("no \"%s\" in %s", wanted, said);
}

static void a_malformed_file_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *wanted;
    } rows[] = {
        {"", "holds no token"},
        {"\n\n", "holds no token"},
        {"# secret\n", "holds no token"},
        {"secret secret\n", "line 1 is"},
        {"a\nb\nsecret,\nc d\n", "line 3 is"},
        {"a\n\n#\nBearer secret\n", "line 4 is"},
        {"secret=secret\n", "line 1 is"},
        {"=\n", "line 1 is"},
        {"secret\xC3\xA9\n", "line 1 is"},
        {"\xEF\xBB\xBFsecret\n", "line 1 is"},
        {"\"secret\"\n", "line 1 is"},
        {"a\nsecret # of mine\n", "line 2 is"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        folder_write_text(file, rows[i].text);
        expect_refusal(rows[i].wanted);
    }
    folder_write_bytes(file, "a\nsecret\0\n", 10);
    expect_refusal("line 2 is");
    remove(file);
    expect_refusal("cannot be read: No such file");
    assert_int_equal(mkdir(file, 0700), 0);
    expect_refusal("cannot be read: Is a directory");
    rmdir(file);
}

static void a_reload_takes_the_file_as_it_is_or_leaves_the_tokens(void **state)
{
    (void)state;
    struct tokens *tokens = open_text("old\nboth\n");
    folder_write_text(file, "new\nboth\n");
    assert_true(tokens_reload(tokens));
    assert_false(includes(tokens, "old"));
    assert_true(includes(tokens, "new"));
    assert_true(includes(tokens, "both"));
    folder_write_text(file, "newer\nno token\n");
    caught_begin();
    bool read = tokens_reload(tokens);
    assert_non_null(strstr(caught_end(), "line 2 is no token"));
    assert_false(read);
    assert_true(includes(tokens, "new"));
    assert_false(includes(tokens, "newer"));
    tokens_close(tokens);
}

static void a_file_that_every_user_may_read_is_noticed(void **state)
{
    (void)state;
    folder_write_text(file, "a\n");
    for (int everybody = 0; everybody < 2; everybody++) {
        chmod(file, everybody ? 0604 : 0640);
        struct tokens *tokens = tokens_open(file);
        assert_int_equal(tokens_are_exposed(tokens), everybody);
        chmod(file, everybody ? 0640 : 0604);
        assert_true(tokens_reload(tokens));
        assert_int_equal(tokens_are_exposed(tokens), !everybody);
        tokens_close(tokens);
    }
}

struct asker {
    struct tokens *tokens;
    atomic_bool *done;
    size_t faults;
};

static void *keep_asking(void *context)
{
    struct asker *asker = context;
    while (!atomic_load(asker->done)) {
        if (!includes(asker->tokens, "both")) asker->faults++;
        if (includes(asker->tokens, "neither")) asker->faults++;
    }
    return NULL;
}

static void tokens_may_be_used_while_they_are_read_again(void **state)
{
    (void)state;
    atomic_bool done = false;
    struct asker askers[3];
    pthread_t threads[COUNT(askers)];
    struct tokens *tokens = open_text("old\nboth\n");
    for (size_t i = 0; i < COUNT(askers); i++) {
        askers[i] = (struct asker){tokens, &done, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &askers[i]), 0);
    }
    for (int i = 0; i < 200; i++) {
        folder_write_text(file, i % 2 ? "old\nboth\n" : "both\nnew\nand\nmore\n");
        assert_true(tokens_reload(tokens));
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < COUNT(askers); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].faults, 0);
    }
    tokens_close(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_a_token_but_blanks_and_comments),
        cmocka_unit_test(a_token_may_be_short_or_long),
        cmocka_unit_test(each_of_many_tokens_is_found),
        cmocka_unit_test(a_malformed_file_is_refused_with_its_line),
        cmocka_unit_test(a_reload_takes_the_file_as_it_is_or_leaves_the_tokens),
        cmocka_unit_test(a_file_that_every_user_may_read_is_noticed),
        cmocka_unit_test(tokens_may_be_used_while_they_are_read_again),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
