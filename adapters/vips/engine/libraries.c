#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "libraries.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

const char *libraries_text(const char *symbol) {
	const char *(*ask)(void) = (const char *(*)(void)) dlsym(RTLD_DEFAULT, symbol);
	return ask ? ask() : NULL;
}

unsigned long libraries_number(const char *symbol) {
	unsigned int (*ask)(void) = (unsigned int (*)(void)) dlsym(RTLD_DEFAULT, symbol);
	return ask ? ask() : 0;
}

const char *libraries_jemalloc(void) {
	int (*ask)(const char *, void *, size_t *, void *, size_t) =
		(int (*)(const char *, void *, size_t *, void *, size_t)) dlsym(RTLD_DEFAULT, "mallctl");
	const char *version = NULL;
	size_t len = sizeof version;
	return ask && !ask("version", &version, &len, NULL, 0) ? version : NULL;
}

static void *reader(void *name) {
	FILE *f = fopen(name, "r");
	if (!f)
		return (void *) (long) errno;
	fclose(f);
	return NULL;
}

int libraries_read(const char *name) {
	pthread_t thread;
	void *failed;
	int err = pthread_create(&thread, NULL, reader, (void *) name);
	if (err || (err = pthread_join(thread, &failed)))
		return err;
	return (int) (long) failed;
}
