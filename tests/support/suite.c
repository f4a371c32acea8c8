/* suite.c - the server under test, and one client, shared by the tests of a program. */
#include "support/suite.h"

struct service suite_service;
struct client suite_client;

int suite_open(void **state)
{
    (void)state;
    service_open(&suite_service);
    client_init(&suite_client, &suite_service);
    return 0;
}

int suite_close(void **state)
{
    (void)state;
    client_free(&suite_client);
    service_close(&suite_service);
    return 0;
}
