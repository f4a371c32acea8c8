/* suite.h - what the tests of a program share: the server under test, and one client. */
#ifndef SUITE_H
#define SUITE_H

#include "support/client.h"
#include "support/cmocka_all.h"
#include "support/service.h"

extern struct service suite_service;
extern struct client suite_client; /* of that server */

/* Set-up and tear-down of a group of tests that any running server must pass. */
int suite_open(void **state);
int suite_close(void **state);

#endif
