/* suite.c - the server under test, and one client, shared by the tests of a program. */
#include "support/suite.h"

struct service suite_service;
struct client suite_client;
bool suite_has_old_library;

int suite_open(void **state)
{
    (void)state;
    service_open(&suite_service);
    client_init(&suite_client, &suite_service);
    suite_has_old_library = client_has_old_library(&suite_client);
    return 0;
}

int suite_close(void **state)
{
    (void)state;
    client_free(&suite_client);
    service_close(&suite_service);
    return 0;
}

void suite_go_on(struct wire *wire)
{
    if (!suite_has_old_library) return;
    assert_true(wire_is_closed(wire));
    wire_close(wire);
    wire_connect(wire, &suite_service);
}
