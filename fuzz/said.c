/* said.c - see said.h. */
#include "said.h"

#include "input.h"

#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void said_begin(struct said *said, int descriptor)
{
    static int reports;
    if (reports == 0) {
        reports = dup(STDERR_FILENO);
        __sanitizer_set_report_fd((void *)(intptr_t)reports);
    }
    if (said->file == 0) {
        said->file = memfd_create("said", 0);
        said->kept = dup(descriptor);
        must(said->file > 0 && said->kept > 0);
    }
    must(dup2(said->file, descriptor) == descriptor);
}

void said_end(struct said *said, int descriptor)
{
    must(dup2(said->kept, descriptor) == descriptor);
    ssize_t length = pread(said->file, said->text, sizeof said->text - 1, 0);
    must(length >= 0);
    said->length = (size_t)length;
    said->text[length] = '\0';
    if (length > 0) must(ftruncate(said->file, 0) == 0 && lseek(said->file, 0, SEEK_SET) == 0);
}
