/* input.h - what the fuzz targets share: how an input is read as a text and its cuts, and how a
 * fault is reported. */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls this with each input; every target defines it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run unless the condition holds; libFuzzer then keeps the input. */
#define must(condition) ((condition) ? (void)0 : input_fault(__FILE__, __LINE__, #condition))

_Noreturn void input_fault(const char *file, int line, const char *condition);

/* An input is a text, or a text, the byte 0xff and settings. In the settings stand what a target
 * asks for by input_setting, and then the lengths of the chunks in which the text is fed; what they
 * leave of it is one chunk more. So a plain text file is an input, too. A text that has the byte
 * 0xff itself ends at the last one. */
struct input {
    const char *text;
    size_t length;
    const uint8_t *settings;
    size_t settings_left;
};

struct input input_of(const uint8_t *data, size_t size);

/* The next byte of the settings; 0 after the last. */
unsigned input_setting(struct input *input);

/* Feeds the text from at on, each chunk from memory of its own that ends where the chunk does. Uses
 * up the settings. */
void input_feed(struct input *input, size_t at,
                void (*take)(void *to, const char *bytes, size_t length), void *to);

#endif
