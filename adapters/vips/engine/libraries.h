#ifndef IMGD_ENGINE_LIBRARIES_H
#define IMGD_ENGINE_LIBRARIES_H

/* libraries_text and libraries_number ask a library for its version by a function
 * that may not be there: NULL and 0 then. */
const char *libraries_text(const char *symbol);
unsigned long libraries_number(const char *symbol);

/* libraries_jemalloc is the version of jemalloc, NULL if memory comes from
 * elsewhere. */
const char *libraries_jemalloc(void);

/* libraries_read opens a file in a thread that Go knows nothing of, and returns 0 or
 * the error number. */
int libraries_read(const char *name);

#endif
