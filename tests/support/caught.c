/* caught.c - what is written to standard error, as text. */
#include "support/caught.h"

#include <stdio.h>
#include <unistd.h>

static int kept_error;
static FILE *caught;

void caught_begin(void)
{
    fflush(stderr);
    kept_error = dup(STDERR_FILENO);
    caught = tmpfile();
    dup2(fileno(caught), STDERR_FILENO);
}

const char *caught_end(void)
{
    static char text[65536];
    fflush(stderr);
    dup2(kept_error, STDERR_FILENO);
    close(kept_error);
    rewind(caught);
    text[fread(text, 1, sizeof text - 1, caught)] = '\0';
    fclose(caught);
    return text;
}
