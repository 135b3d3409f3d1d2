#define _GNU_SOURCE /* RTLD_NEXT */
#include "encoder.h"
#include "bridge.h"

#include <dlfcn.h>

/* As libheif has declared it from its first version on: its headers need not be
 * here, since libvips may have it in a module. */
struct heif_error {
	int code, subcode;
	const char *message;
};

typedef struct heif_error (*set_quality)(void *encoder, int quality);
typedef struct heif_error (*set_integer)(void *encoder, const char *name, int value);

/* libheif lets an encoder of AV1 take four threads, and libvips has no option for
 * fewer. Every encoder that libvips uses comes by here, because symbols of the
 * program go before those of libraries: it is told, and libheif's own function goes
 * on. An encoder that knows no threads says so, which is no concern of ours. */
struct heif_error heif_encoder_set_lossy_quality(void *encoder, int quality) {
	set_integer integer = (set_integer) bridge_heif("heif_encoder_set_parameter_integer");
	set_quality next = (set_quality) bridge_heif("heif_encoder_set_lossy_quality");
	if (integer)
		integer(encoder, "threads", ENCODER_THREADS);
	return next(encoder, quality);
}
