/* routes.h - everything that stands at a path. */
#ifndef ROUTES_H
#define ROUTES_H

#include "http/route.h"

extern const struct route_table routes;

#endif
