/* log.h - lines to standard error. May be called from any thread; a line is written whole. */
#ifndef LOG_H
#define LOG_H

/* Writes "mse-server: ", the text of a printf format, and a newline. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
