/* outcomes.h - what came of the lines of a batch: results as numbers and problems as their text,
 * which wait until the body has ended, and the response that is made of them line by line. Knows
 * nothing of formats but what a codec tells. */
#ifndef OUTCOMES_H
#define OUTCOMES_H

#include "loss/codec.h"

struct outcomes;

/* Memory is charged to the budget: for each outcome at most 256 bytes and 16 per element, for a
 * problem as many as its document has if these are more; over all a sixteenth more, or, until the
 * response, 2 MiB, since it grows as a tensor does. NULL: no memory. */
struct outcomes *outcomes_create(struct tensor_budget *budget);

/* The outcome of the next line; takes the result. One for which there is no memory becomes the
 * problem that says so, as does a problem that says so itself: these take none. */
void outcomes_add_result(struct outcomes *outcomes, struct result *result);
void outcomes_add_problem(struct outcomes *outcomes, const struct problem *problem);

/* How many have been added. */
size_t outcomes_count(const struct outcomes *outcomes);

/* Takes the outcomes, of which there is at least one, and makes a response of them: one line for
 * each, the body of what codec responds to it alone. */
void outcomes_respond(struct outcomes *outcomes, const struct codec *codec, const char *media_type,
                      struct response *response);

/* NULL is accepted. */
void outcomes_free(struct outcomes *outcomes);

#endif
