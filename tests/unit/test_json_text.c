/* test_json_text.c - the automata of strings and numbers, tried on all there is of what is small
 * enough for that. */
#include "json/json_text.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

/* What text[0..length-1] decodes to after an opening quote, in out; returns the status of the last
 * byte taken. */
static enum json_text_status decode(const char *text, size_t length, char *out, size_t *out_length)
{
    struct json_text_string string;
    enum json_text_status status = JSON_TEXT_MORE;
    json_text_string_begin(&string);
    *out_length = 0;
    for (size_t i = 0; i < length && status == JSON_TEXT_MORE; i++) {
        status = json_text_string_next(&string, text[i]);
        memcpy(out + *out_length, string.decoded, string.decoded_length);
        *out_length += string.decoded_length;
    }
    return status;
}

/* RFC 3629, section 3, by its table. */
static size_t encode(unsigned code, char *out)
{
    if (code <= 0x7f) return (size_t)sprintf(out, "%c", (int)code);
    if (code <= 0x7ff)
        return (size_t)sprintf(out, "%c%c", (int)(0xc0 | code >> 6), (int)(0x80 | (code & 63)));
    if (code <= 0xffff) {
        return (size_t)sprintf(out, "%c%c%c", (int)(0xe0 | code >> 12),
                               (int)(0x80 | (code >> 6 & 63)), (int)(0x80 | (code & 63)));
    }
    return (size_t)sprintf(out, "%c%c%c%c", (int)(0xf0 | code >> 18),
                           (int)(0x80 | (code >> 12 & 63)), (int)(0x80 | (code >> 6 & 63)),
                           (int)(0x80 | (code & 63)));
}

static void every_character_is_read_alike_as_utf8_and_escaped(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) continue;
        char utf8[8];
        char text[16];
        char decoded[32];
        size_t length;
        size_t utf8_length = encode(code, utf8);
        bool stands_for_itself = code >= 0x20 && code != '"' && code != '\\';
        if (stands_for_itself) {
            if (decode(utf8, utf8_length, decoded, &length) != JSON_TEXT_MORE ||
                length != utf8_length || memcmp(decoded, utf8, length) != 0) {
                fail_msg("U+%04X", code);
            }
        }
        unsigned half = code - 0x10000;
        if (code < 0x10000) sprintf(text, code & 1 ? "\\u%04x" : "\\u%04X", code);
        if (code >= 0x10000)
            sprintf(text, "\\u%04x\\u%04X", 0xd800 + (half >> 10), 0xdc00 + (half & 0x3ff));
        if (decode(text, strlen(text), decoded, &length) != JSON_TEXT_MORE ||
            length != utf8_length || memcmp(decoded, utf8, length) != 0) {
            fail_msg("%s", text);
        }
    }
}

static void every_two_code_units_are_a_pair_two_characters_or_refused(void **state)
{
    (void)state;
    for (unsigned first = 0xd700; first <= 0xe0ff; first += 0x33) {
        for (unsigned second = 0; second <= 0xffff; second += 0x11) {
            char text[16];
            char decoded[32];
            size_t length;
            sprintf(text, "\\u%04x\\u%04x", first, second);
            bool high = first >= 0xd800 && first < 0xdc00;
            bool first_low = first >= 0xdc00 && first < 0xe000;
            bool second_high =
                second >= 0xd800 && second < 0xdc00; /* may be: its own second half is to come */
            bool second_low = second >= 0xdc00 && second < 0xe000;
            bool good = high ? second_low : !first_low && !second_low;
            enum json_text_status status = decode(text, 12, decoded, &length);
            if (status != (good ? JSON_TEXT_MORE : JSON_TEXT_SURROGATE))
                fail_msg("%s: %d", text, status);
            if (good && length != (high ? 4u : second_high ? 3u : 3u + encode(second, text)))
                fail_msg("%s", text);
        }
    }
}

/* One, two and three bytes are refused unless some character begins with them; of a fourth, 80-BF
 * is all there is. */
static void every_sequence_of_bytes_is_utf8_or_refused(void **state)
{
    (void)state;
    static bool prefixes[3][1 << 24]; /* of one, two and three bytes, of characters beyond U+007F */
    for (unsigned code = 0x80; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) continue;
        char utf8[8];
        size_t length = encode(code, utf8);
        unsigned value = 0;
        for (size_t i = 0; i < length && i < 3; i++) {
            value = value << 8 | (unsigned char)utf8[i];
            prefixes[i][value] = true;
        }
    }
    char out[32];
    size_t length;
    for (unsigned value = 0x80; value < 0x100; value++) {
        char text[] = {(char)value};
        assert_int_equal(decode(text, 1, out, &length) == JSON_TEXT_MORE, prefixes[0][value]);
    }
    for (unsigned value = 0x8000; value < 0x10000; value++) {
        char text[] = {(char)(value >> 8), (char)value};
        if (!prefixes[0][value >> 8]) continue;
        assert_int_equal(decode(text, 2, out, &length) == JSON_TEXT_MORE, prefixes[1][value]);
    }
    for (unsigned value = 0xe00000; value < 0x1000000; value++) {
        char text[] = {(char)(value >> 16), (char)(value >> 8), (char)value};
        if (!prefixes[1][value >> 8]) continue;
        assert_int_equal(decode(text, 3, out, &length) == JSON_TEXT_MORE, prefixes[2][value]);
    }
}

static void numbers_are_whole_where_the_grammar_lets_them_end(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *whole; /* under each byte, whether the number may end after it */
    } rows[] = {
        {"-0.5e+10", " x x  xx"},
        {"1234", "xxxx"},
        {"0E-7", "x  x"},
        {"-12.75E3", " xx xx x"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum json_text_number number = JSON_TEXT_NUMBER_BEGIN;
        for (size_t k = 0; rows[i].text[k] != '\0'; k++) {
            number = json_text_number_next(number, rows[i].text[k]);
            assert_int_equal(json_text_number_whole(number), rows[i].whole[k] == 'x');
            enum json_text_number after = json_text_number_next(number, ',');
            assert_int_equal(after,
                             rows[i].whole[k] == 'x' ? JSON_TEXT_NUMBER_END : JSON_TEXT_NUMBER_BAD);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_read_alike_as_utf8_and_escaped),
        cmocka_unit_test(every_two_code_units_are_a_pair_two_characters_or_refused),
        cmocka_unit_test(every_sequence_of_bytes_is_utf8_or_refused),
        cmocka_unit_test(numbers_are_whole_where_the_grammar_lets_them_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
