/* pool.h - memory for GMP that ASan does not watch, without which an oracle takes most of a run's
 * time. */
#ifndef POOL_H
#define POOL_H

/* GMP takes its memory from the pool from here on. Called before GMP's first use, and any number of
 * times. */
void pool_serve_gmp(void);

#endif
