/* suite.h - what the tests of a program share: the server under test, and one client. */
#ifndef SUITE_H
#define SUITE_H

#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/service.h"
#include "support/wire.h"

extern struct service suite_service;
extern struct client suite_client; /* of that server */

/* client_has_old_library of that server. */
extern bool suite_has_old_library;

/* After the response to a chunked request: connects anew where that has ended the connection. */
void suite_go_on(struct wire *wire);

/* Set-up and tear-down of a group of tests that any running server must pass. */
int suite_open(void **state);
int suite_close(void **state);

#endif
