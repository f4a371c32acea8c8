/* test_address.c - socket addresses as text, and who can reach them. */
#include "base/address.h"

#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static void an_address_has_a_text_and_is_loopback_or_not(void **state)
{
    static const struct {
        int family;
        const char *host, *text;
        bool is_loopback;
    } rows[] = {
        {AF_INET, "127.0.0.1", "127.0.0.1:8080", true},
        {AF_INET, "127.255.1.2", "127.255.1.2:8080", true},
        {AF_INET, "0.0.0.0", "0.0.0.0:8080", false},
        {AF_INET, "128.0.0.1", "128.0.0.1:8080", false},
        {AF_INET, "1.0.0.127", "1.0.0.127:8080", false},
        {AF_INET6, "::1", "[::1]:8080", true},
        {AF_INET6, "::", "[::]:8080", false},
        {AF_INET6, "::2", "[::2]:8080", false},
        {AF_INET6, "fe80::1", "[fe80::1]:8080", false},
        {AF_INET6, "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:8080", true},
        {AF_INET6, "::ffff:10.0.0.127", "[::ffff:10.0.0.127]:8080", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_storage address = {.ss_family = (sa_family_t)rows[i].family};
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
        void *host = rows[i].family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr;
        char text[ADDRESS_TEXT_MAX];
        v4->sin_port = htons(8080); /* where IPv6 has it, too */
        assert_int_equal(inet_pton(rows[i].family, rows[i].host, host), 1);
        assert_string_equal(address_text((const struct sockaddr *)&address, text), rows[i].text);
        assert_int_equal(address_is_loopback((const struct sockaddr *)&address),
                         rows[i].is_loopback);
    }
}

static void what_is_no_address_has_a_text(void **state)
{
    const struct sockaddr unix_socket = {.sa_family = AF_UNIX};
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    assert_string_equal(address_text(NULL, text), "?");
    assert_string_equal(address_text(&unix_socket, text), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_a_text_and_is_loopback_or_not),
        cmocka_unit_test(what_is_no_address_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
