#ifndef IMGD_ENGINE_BRIDGE_H
#define IMGD_ENGINE_BRIDGE_H

#include <vips/vips.h>

/* Operations are called by name, their options are a string such as
 * "shrink=2,access=sequential". Functions return 0, or -1 with a text in the
 * error buffer of libvips; what they hand out belongs to the caller. */

/* bridge_lean keeps vips_init from loading its modules: they bring ImageMagick,
 * PDF and the like into the process, and take most of its start. */
void bridge_lean(void);

/* bridge_modules loads the modules for AVIF and HEIC and for JPEG XL, where they are
 * not built in, and the one for PDF if that is wanted. */
void bridge_modules(int pdf);

/* bridge_trust lifts the block of untrusted operations for one class. */
void bridge_trust(const char *class);

/* bridge_load reads an image with the loader that is named. The bytes must stay
 * where they are as long as the image lives. */
int bridge_load(const char *loader, void *bytes, size_t len, const char *options, VipsImage **out);

/* bridge_run puts one image through an operation that gives one back. */
int bridge_run(const char *operation, VipsImage *in, const char *options, VipsImage **out);

/* bridge_save encodes an image; the bytes are freed with g_free. */
int bridge_save(const char *saver, VipsImage *in, const char *options, void **bytes, size_t *len);

/* bridge_bare copies an image without anything that came with the file but the
 * times of its frames. The strip option of some savers forgets about half of it. */
int bridge_bare(VipsImage *in, VipsImage **out);

/* bridge_keep computes all pixels at once in the calling thread, header and metadata
 * with them. It takes the memory of every step for the whole image. */
int bridge_keep(VipsImage *in, VipsImage **out);

/* bridge_own computes all pixels into memory that nobody else has. */
int bridge_own(VipsImage *in, VipsImage **out);

/* bridge_bandjoin adds the bands of one image to those of another. */
int bridge_bandjoin(VipsImage *in, VipsImage *more, VipsImage **out);

/* bridge_lookup replaces 256 levels of grey by as many sRGB colours. */
int bridge_lookup(VipsImage *in, const void *rgb, VipsImage **out);

/* bridge_over lays an image with alpha over a colour that may be transparent. */
int bridge_over(VipsImage *in, double rgba[4], VipsImage **out);

/* bridge_mark lays a picture with alpha over an 8 bit one of three colours, with
 * its corner at x, y and all of it inside. Nothing else changes. */
int bridge_mark(VipsImage *in, VipsImage *mark, int x, int y, VipsImage **out);

/* bridge_join stacks equally large frames into one image that is an animation of
 * them. */
int bridge_join(VipsImage **frames, int n, int *delays, int loop, VipsImage **out);

/* bridge_swatch makes a row of n sRGB pixels that carries the profile of like. */
int bridge_swatch(VipsImage *like, const void *rgb, int n, VipsImage **out);

/* bridge_profile returns the length of the embedded profile: 0 without one, -1
 * when it does not suit the image. */
long bridge_profile(VipsImage *in);

/* bridge_blob returns the length of what came with the file under the name, 0 without
 * it; it belongs to the image. */
long bridge_blob(VipsImage *in, const char *name, const void **bytes);

/* bridge_with makes an image like another, with other samples of a byte each. */
int bridge_with(VipsImage *like, const void *samples, VipsImage **out);

/* bridge_int reads a number from the header, or gives back the fallback. */
int bridge_int(VipsImage *in, const char *name, int fallback);

/* bridge_delays hands out the delays of an animation, which belong to it. */
int bridge_delays(VipsImage *in, int **delays);

/* bridge_heif finds a function of libheif, which may be in a module; NULL if it has
 * none of the name. */
void *bridge_heif(const char *name);

/* bridge_avif reports whether libheif has an encoder for AV1: that it is there does
 * not mean that it has one. */
int bridge_avif(void);

/* bridge_knows reports whether there is an operation of that name. */
int bridge_knows(const char *operation);

#endif
